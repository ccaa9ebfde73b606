"""The types of actions that a plan can have, and the schema of the parameters of each."""

from driver.plans.reader import schema

_TYPES = schema()["definitions"]["action"]["properties"]["type"]["enum"]
ACTION_TYPES = {name: schema()["definitions"][name] for name in _TYPES}
