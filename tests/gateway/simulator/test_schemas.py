import contextlib
import re
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.simulator.patterns import text_matching
from gateway.simulator.schemas import example_of
from gateway.simulator.types import Refused

TREE: dict[str, Any] = {
    "$ref": "#/$defs/node",
    "$defs": {
        "node": {
            "type": "object",
            "properties": {
                "name": {"type": "string"},
                "children": {"type": "array", "items": {"$ref": "#/$defs/node"}},
            },
            "required": ["name", "children"],
        }
    },
}
SCHEMAS: list[dict[str, Any]] = [
    {},
    {"type": "null"},
    {"type": ["null", "string"]},
    {"const": 7},
    {"enum": ["red", "green"]},
    {"type": "string", "minLength": 30, "maxLength": 40},
    {"type": "string", "maxLength": 2},
    {"type": "string", "pattern": "^[A-Z]{3}-\\d{2,4}(x|y)?$"},
    {"type": "string", "format": "date-time"},
    {"type": "integer", "minimum": 3, "maximum": 4},
    {"type": "integer", "exclusiveMinimum": 3, "multipleOf": 5},
    {"type": "integer", "maximum": -2},
    {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 0.5},
    {"type": "number", "maximum": -1.5},
    {"type": "array", "items": {"type": "boolean"}, "minItems": 2},
    {"type": "array", "items": {"enum": [1, 2, 3]}, "minItems": 3, "uniqueItems": True},
    {"type": "array", "items": {"type": "string"}, "minItems": 3, "uniqueItems": True},
    {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}]},
    {"type": "object", "required": ["anything"]},
    {"type": "object", "minProperties": 2, "additionalProperties": {"type": "integer"}},
    {"anyOf": [{"type": "integer", "minimum": 2}, {"type": "null"}]},
    {"oneOf": [{"type": "object", "properties": {"a": {"const": 1}}}]},
    {
        "allOf": [
            {"type": "object", "properties": {"a": {"type": "integer"}}},
            {"properties": {"b": {"type": "string"}}, "required": ["b"]},
        ]
    },
    TREE,
]


@pytest.mark.parametrize("schema", SCHEMAS)
def test_an_example_is_valid(schema: dict[str, Any]) -> None:
    value = example_of(schema)

    jsonschema.validate(value, schema, cls=jsonschema.Draft202012Validator)
    assert value == example_of(schema)


@pytest.mark.parametrize(
    "pattern",
    [
        "abc",
        "[^a]",
        "[^a-z0-9]\\W",
        "(?:ab|cd)+",
        "(a.)\\1",
        "\\s\\S\\D",
        "x{0,0}y?",
        "^$",
    ],
)
def test_a_text_matches_its_pattern(pattern: str) -> None:
    assert re.search(pattern, text_matching(pattern))


def test_a_pattern_that_is_none_gives_an_empty_text() -> None:
    assert text_matching("(") == ""


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "nothing"},
        {"type": "array", "minItems": 10**9},
        {"type": "string", "minLength": 10**9},
        {"type": "object", "minProperties": 10**9},
        {"properties": {"again": {"$ref": "#"}}, "required": ["again"]},
    ],
)
def test_an_impossible_schema_is_refused(schema: dict[str, Any]) -> None:
    with pytest.raises(Refused, match="Invalid schema"):
        example_of(schema)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
keywords = st.sampled_from(
    ["type", "properties", "items", "enum", "$ref", "anyOf", "minimum", "required"]
)


# The first example pays for building Hypothesis's tables of characters.
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(schema=st.dictionaries(keywords, anything, max_size=4))
def test_no_schema_can_break_the_simulator(schema: dict[str, Any]) -> None:
    with contextlib.suppress(Refused):
        example_of(schema)
