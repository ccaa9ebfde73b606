"""What a schema finds is said with its place, in words, all at once."""

import jsonschema
import pytest

from driver.text.json_schemas import dotted, mistakes, problems_of
from driver.text.strict_yaml import read_document

SCHEMA = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "title": "a meal",
    "type": "object",
    "required": ["name"],
    "additionalProperties": False,
    "properties": {
        "name": {"type": "string", "minLength": 1},
        "drink": {"title": "a drink", "enum": ["TEA", "COFFEE", None]},
        "size": {"enum": ["small", "large"]},
        "price": {"type": ["number", "null"], "minimum": 0, "maximum": 99},
        "guests": {"type": "integer", "minimum": 1},
        "dishes": {"title": "a list of dishes", "type": "array", "items": {"type": "object"}},
        "spices": {"type": "array", "minItems": 1},
        "cook": {"title": "a cook", "type": "object", "required": ["name", "age"]},
        "code": {"title": "a code", "type": "string", "pattern": "^[a-z]+$", "maxLength": 3},
        "day": {"enum": ["MON"], "otherwise": "it is closed"},
        "prices": {
            "type": "object",
            "propertyNames": {"title": "a currency", "pattern": "^[A-Z]{3}$"},
        },
        "seat": {"title": "inside or outside, not both", "not": {"required": ["in", "out"]}},
    },
}


def wrong(**meal):
    return [f"{dotted(path)}: {text}" for path, text in mistakes(SCHEMA, {"name": "x", **meal})]


def test_the_schema_of_this_test_is_one():
    jsonschema.Draft7Validator.check_schema(SCHEMA)


@pytest.mark.parametrize(
    ("meal", "says"),
    [
        ({"drinc": 1}, "drinc: unknown key 'drinc' in a meal; did you mean 'drink'?"),
        ({"name": ""}, "name: expected a text that is not empty, not ''"),
        ({"drink": "tee"}, "drink: expected a drink, not 'tee'; did you mean 'TEA'?"),
        ({"drink": "milk"}, "drink: expected a drink, not 'milk'; there are TEA, COFFEE"),
        ({"drink": ["TEA"]}, "drink: expected a drink, not a list; there are TEA, COFFEE"),
        ({"size": "smal"}, "size: expected one of small, large, not 'smal'; did you mean 'small'?"),
        ({"size": True}, "size: expected one of small, large, not true"),
        ({"price": -1}, "price: expected a number or null from 0 to 99, not -1"),
        ({"price": True}, "price: expected a number or null from 0 to 99, not true"),
        ({"guests": 2.0}, "guests: expected a whole number from 1, not 2.0"),
        ({"dishes": {}}, "dishes: expected a list of dishes, not an empty mapping"),
        ({"dishes": [{}, 1]}, "dishes[1]: expected a mapping, not 1"),
        ({"spices": []}, "spices: expected a list that is not empty, not an empty list"),
        ({"cook": {"name": 1}}, "cook: 'age' is missing in a cook"),
        ({"cook": 1}, "cook: expected a cook, not 1"),
        ({"code": "ABCD"}, "code: expected a code, not 'ABCD'"),
        ({"code": "A" * 4}, "code: expected a code, not 'AAAA'"),
        ({"day": "SUN"}, "day: expected one of MON, not 'SUN': it is closed"),
        ({"prices": {"EURO": 1}}, "prices.EURO: expected a currency, not 'EURO'"),
        ({"seat": {"in": 1, "out": 1}}, "seat: inside or outside, not both"),
    ],
)
def test_a_mistake_is_said_once_in_words(meal, says):
    assert [text for text in wrong(**meal) if text != says] == []
    assert wrong(**meal) == [says]


def test_null_in_place_of_what_is_needed_lacks_all_of_it():
    assert wrong(cook=None) == [
        "cook: 'name' is missing in a cook",
        "cook: 'age' is missing in a cook",
    ]


def test_a_value_that_fits_has_no_mistakes():
    assert wrong(drink=None, price=None, guests=1, code="abc", seat={"in": 1}) == []


def test_all_mistakes_of_a_file_are_problems_with_their_lines():
    text = "drink: tee\nguests:\n  - 1\ndrinc: x\n"
    found = list(problems_of(SCHEMA, read_document(text, "m.yaml", [])))
    assert sorted(map(str, found)) == [
        "m.yaml:1: 'name' is missing in a meal",
        "m.yaml:1: drink: expected a drink, not 'tee'; did you mean 'TEA'?",
        "m.yaml:2: guests: expected a whole number from 1, not a list",
        "m.yaml:4: drinc: unknown key 'drinc' in a meal; did you mean 'drink'?",
    ]


def test_what_is_reported_already_is_not_reported_again():
    reported = []
    root = read_document("name: !x y\n", "m.yaml", reported)
    assert len(reported) == 1
    assert list(problems_of(SCHEMA, root)) == []
