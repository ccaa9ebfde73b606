"""Settings that several workflows have in common, so that each has one default."""

from mistral_actions import inputs
from mistral_actions.inputs import Option

HA_METADATA_KEY = Option(inputs.text, "HA_Enabled")
EVACUATION_TIMEOUT = Option(inputs.whole_number(1, 86400), 90)
HEARTBEAT_TIMEOUT = Option(inputs.whole_number(1, 3600), 30)
