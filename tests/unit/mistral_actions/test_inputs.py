"""What people and programs give to a workflow is parsed or refused, never guessed."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from oslo_config import types
from oslo_utils import strutils

from mistral_actions import inputs
from mistral_actions.errors import BadInput
from mistral_actions.recovery.hosts import OPTIONS
from mistral_actions.servers.state import has_key

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


CHANGES = (str, str.upper, str.title, lambda word: f" {word}\t")
BLANKS = st.sampled_from(["", " ", "\n", "\u2003"])
# what Nova takes in a name, without blanks at its ends
PRINTABLE = st.characters(exclude_categories=["C", "Zl", "Zp"])


def result(parse, value):
    """Return what a parser makes of a value; a refusal is one as another."""
    try:
        return parse(value)
    except ValueError:
        return "refused"


def parsed(name, value):
    return inputs.merge(OPTIONS, {name: value}, {})[name]


@pytest.mark.parametrize(
    ("word", "known", "meant"),
    [
        ("any", ["ANY", "ALWAYS"], "ANY"),
        ("MIGRATE", ["migrate", "migrated"], "migrate"),
        ("std", ["std.echo", "std.fail"], None),
        ("c5", ["c5.a.org", "c4.a.org"], "c5.a.org"),
        ("c5.a.org", ["c4.a.org", "C5"], "C5"),
        ("recvoery", ["recovery", "Recovery.host"], "recovery"),
        ("x" * 300, ["X" * 300], "X" * 300),
        ("nothing", ["compute1"], None),
    ],
)
def test_what_was_probably_meant_is_near_in_any_case_or_the_same_up_to_the_first_dot(
    word, known, meant
):
    assert inputs.nearest(word, known) == (f"; did you mean {meant!r}?" if meant else "")


def refusal_of(call):
    """Return the refusal of a call, None if it has none; no other exception is let pass."""
    try:
        call()
    except BadInput as refusal:
        return refusal
    return None


@pytest.mark.parametrize(
    ("name", "value", "means"),
    [
        ("evacuate_all", '"False"', False),
        ("evacuate_all", "False", False),
        ("evacuate_all", False, False),
        ("evacuate_all", "NO", False),
        ("evacuate_all", " off ", False),
        ("evacuate_all", 0, False),
        ("evacuate_all", "0", False),
        ("lock_servers", '"True"', True),
        ("add_reserved_host_to_aggregates", "yes", True),
        ("add_reserved_host_to_aggregates", 1, True),
        ("concurrency", '"5"', 5),
        ("concurrency", "'5'", 5),
        ("concurrency", 5, 5),
        ("concurrency", "+5", 5),
        ("concurrency", 5.0, 5),
        ("evacuate_all", "f", False),
        ("lock_servers", "Y", True),
        ("method", "RH_Priority", "rh_priority"),
        ("reserved_hosts", 7, ["7"]),
        ("reserved_hosts", ["h1", 7], ["h1", "7"]),
        ("method", '"rh_priority"', "rh_priority"),
        ("reserved_hosts", '"h1, h2"', ["h1", "h2"]),
        ("reserved_hosts", "h2,h1,,h2,", ["h2", "h1"]),
        ("reserved_hosts", ["h1", ' "h2" '], ["h1", "h2"]),
        ("ha_metadata_key", '"HA key"', "HA key"),
        ("leave_out", "name=a-*, project=p", ["name=a-*", "project=p"]),
        ("leave_out", ["metadata.role=lb"], ["metadata.role=lb"]),
    ],
)
def test_every_form_of_a_value_is_understood(name, value, means):
    got = parsed(name, value)
    assert got == means
    assert type(got) is type(means)


@pytest.mark.parametrize("nothing", [None, "", "  ", '""', '"None"', "None", "null", "'None'"])
@pytest.mark.parametrize("name", OPTIONS)
def test_a_form_field_that_says_nothing_gives_the_default(name, nothing):
    assert parsed(name, nothing) == OPTIONS[name].default


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("evacuate_all", "maybe", "it must be true or false."),
        ("evacuate_all", 2, "it must be true or false."),
        ("evacuate_all", 1.0, "it must be true or false."),
        ("evacuate_all", [True], "it must be true or false."),
        ("concurrency", "-1", "it must be a whole number from 1 to 1000."),
        ("concurrency", 0, "it must be a whole number from 1 to 1000."),
        ("concurrency", True, "it must be a whole number from 1 to 1000."),
        ("concurrency", 5.5, "it must be a whole number from 1 to 1000."),
        ("concurrency", "5.0", "it must be a whole number from 1 to 1000."),
        ("concurrency", float("nan"), "it must be a whole number from 1 to 1000."),
        ("concurrency", "5 hosts", "it must be a whole number from 1 to 1000."),
        ("evacuation_timeout", "9" * 5000, "it must be a whole number from 1 to 86400."),
        ("evacuation_timeout", -90, "it must be a whole number from 1 to 86400."),
        ("method", "rh_prority", "auto_priority, rh_priority; did you mean 'rh_priority'?"),
        ("method", ["auto"], "it must be one of auto, reserved_host, auto_priority, rh_priority"),
        ("reserved_hosts", "one two", "it must be the name of one host"),
        ("reserved_hosts", 7.5, "it must be names of hosts, comma separated."),
        ("reserved_hosts", {"a": 1}, "it must be names of hosts, comma separated."),
        ("reserved_hosts", [1.5], "it must be the name of one host"),
        ("disable_reason", "two\nlines", "it must be a line of text of at most 255 characters."),
        ("disable_reason", "x" * 256, "it must be a line of text of at most 255 characters."),
        ("disable_reason", 5, "it must be a line of text of at most 255 characters."),
        ("leave_out", "amphora-*", "it must be rules like name=amphora-*, project=ID or"),
        ("leave_out", "nam=x", "it must be rules like name=amphora-*, project=ID or"),
        ("leave_out", "name=", "it must be rules like name=amphora-*, project=ID or"),
        ("leave_out", [1], "it must be rules like name=amphora-*, project=ID or"),
    ],
)
def test_what_cannot_be_parsed_is_refused_with_what_is_allowed(name, value, allowed):
    with pytest.raises(BadInput) as refused:
        parsed(name, value)
    assert refused.value.message.startswith(f"Input '{name}' is ")
    assert allowed in refused.value.message
    assert len(refused.value.message) < 400


@pytest.mark.parametrize("name", OPTIONS)
@given(value=JSON)
def test_any_json_value_is_parsed_or_refused_by_the_name_of_its_input(name, value):
    refusal = refusal_of(lambda: parsed(name, value))
    assert refusal is None or f"Input '{name}' is " in refusal.message


OSLO_WORDS = st.sampled_from([*strutils.TRUE_STRINGS, *strutils.FALSE_STRINGS, "2", "tru", "ok"])
CASED = st.builds(lambda word, change: change(word), OSLO_WORDS, st.sampled_from(CHANGES))


@given(value=CASED | st.text() | st.booleans() | st.integers(-1, 2))
def test_oslo_and_we_agree_on_every_word_for_true_and_false(value):
    assert result(inputs.boolean, value) == result(
        lambda word: strutils.bool_from_string(word, strict=True), value
    )


@given(value=CASED | st.text())
def test_masakari_and_we_agree_on_every_value_of_the_ha_key(value):
    assume(value.strip()[:1] not in ("'", '"'))  # quotes of forms, see below
    server = {"metadata": {"HA_Enabled": value}}
    metadata = server["metadata"]
    masakari = strutils.bool_from_string(metadata.get("HA_Enabled", False))
    assert has_key(server, "HA_Enabled") is masakari


NUMBERS = st.builds(
    "{}{}{}".format, st.sampled_from(["", " ", "+", "-", "\t+", "0", "1_"]), st.integers(), BLANKS
)


@given(value=NUMBERS | st.text(alphabet="0123456789+-_. e٣") | st.integers())
def test_oslo_and_we_agree_on_every_number(value):
    assume(str(value).strip())  # to oslo.config this is the default
    oslo = result(types.Integer(min=1, max=1000), value)
    assert result(inputs.whole_number(1, 1000), value) == oslo


@given(name=st.text(min_size=1, max_size=255, alphabet=PRINTABLE))
def test_the_first_thing_that_a_name_may_mean_is_the_name_as_it_stands(name):
    assume(name == name.strip() and name.strip("\"' "))
    assert inputs.names(name, "server", inputs.text)[0] == name


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("web", ["web"]),
        (" web ", ["web"]),
        ('"web"', ['"web"', "web"]),
        ("' \"web\" '", ["' \"web\" '", "web"]),
        ("None", ["None"]),
        ('"null"', ['"null"']),
        ("true", ["true"]),
        (123, ["123"]),
        ("-web", ["-web"]),
        (None, []),
        ("", []),
        (' "" ', []),
        (True, []),
        (1.5, []),
    ],
)
def test_a_name_may_mean_what_stands_there_and_then_what_a_form_means(given, meant):
    assert inputs.readings(given) == meant


@given(value=JSON)
def test_any_json_value_is_a_host_name_or_refused(value):
    refusal = refusal_of(lambda: inputs.required(value, "host", inputs.host_name))
    assert refusal is None or "Input 'host' is " in refusal.message


@pytest.mark.parametrize("value", [{"a": 1}, '{"a": 1}', ' "{\\"a\\": 1}"'.replace("\\", "")])
def test_an_object_may_be_the_json_text_of_one(value):
    assert inputs.required(value, "parameters", inputs.mapping) == {"a": 1}


@pytest.mark.parametrize("value", ["guest", "{", "[]", "7", 7, ["a"], "true"])
def test_what_is_no_object_is_refused(value):
    with pytest.raises(BadInput, match="it must be a JSON object"):
        inputs.required(value, "parameters", inputs.mapping)


@pytest.mark.parametrize("nothing", [None, "", '"None"'])
def test_a_host_that_is_missing_is_asked_for(nothing):
    with pytest.raises(BadInput, match="Input 'host' is missing: it must be the name of one host"):
        inputs.required(nothing, "host", inputs.host_name)


@pytest.mark.parametrize("value", ["a b", "a,b", "../x", "a\nb", "a?x=1", "ä", "x" * 256])
def test_a_host_name_that_could_change_a_request_is_refused(value):
    with pytest.raises(BadInput, match="it must be the name of one host"):
        inputs.required(value, "host", inputs.host_name)


def test_the_environment_is_used_and_what_is_given_overrides_it():
    settings = {"concurrency": "3", "evacuate_all": False, "of another pack": object()}
    merged = inputs.merge(OPTIONS, {"concurrency": '"7"', "evacuate_all": '"None"'}, settings)
    assert merged["concurrency"] == 7
    assert merged["evacuate_all"] is False
    assert merged["evacuation_timeout"] == 90


def test_a_bad_value_of_the_environment_is_refused_with_its_place():
    place = "'concurrency' in the Mistral environment 'recovery' is 'many': it must be a whole"
    with pytest.raises(BadInput, match=place):
        inputs.merge(OPTIONS, {}, {"concurrency": "many"})


def test_a_bad_value_of_the_environment_that_is_overridden_does_no_harm():
    assert inputs.merge(OPTIONS, {"concurrency": 2}, {"concurrency": "many"})["concurrency"] == 2


def test_defaults_are_valid_values_themselves():
    for name, option in OPTIONS.items():
        assert parsed(name, option.default) == option.default


@pytest.mark.parametrize("given", ["", "..", "web", "5" * 32, f"{'5' * 32}/..", 5, None])
def test_an_id_is_no_name_and_cannot_lead_to_another_path(given):
    with pytest.raises(ValueError, match="an id"):
        inputs.identifier(given)
