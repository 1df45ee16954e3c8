"""Whether a value fits a schema, and what a hostile schema can cost."""

import time
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.schema_check import SchemaRefused, check_schema, violation

PLACE: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "pattern": "^[A-Z]"},
        "tags": {"type": "array", "items": {"enum": ["a", "b"]}},
    },
    "required": ["name"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"name": "Oslo", "tags": ["a"]}, ""),
        ({}, "'name' is a required property"),
        ({"name": "oslo"}, "does not match"),
        ({"name": "Oslo", "tags": ["c"]}, "at ['tags'][0]"),
        ({"name": "Oslo", "size": 1}, "'size' is not among the properties"),
        ([], "is not of type 'object'"),
    ],
)
def test_the_first_mistake_is_named(value: Any, words: str) -> None:
    told = violation(PLACE, value)

    assert words in told
    assert bool(told) is bool(words)


def test_references_within_the_schema_are_followed() -> None:
    schema = {
        "$defs": {"tree": {"type": "array", "items": {"$ref": "#/$defs/tree"}}},
        "$ref": "#/$defs/tree",
    }

    assert violation(schema, [[], [[]]]) == ""
    assert violation(schema, [[], ["leaf"]]) != ""


def test_pattern_properties_count() -> None:
    schema = {
        "patternProperties": {"^x-": {"type": "integer"}},
        "additionalProperties": {"type": "string"},
    }

    assert violation(schema, {"x-a": 1, "b": "c"}) == ""
    assert violation(schema, {"x-a": "1"}) != ""
    assert violation(schema, {"b": 1}) != ""


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"$ref": "http://127.0.0.1:1/schema.json"}, "only places in it"),
        ({"$ref": "other.json#/a"}, "only places in it"),
        ({"type": "no such type"}, "not valid"),
        ({"properties": []}, "not valid"),
        ({"enum": ["x" * 70_000]}, "at most"),
    ],
)
def test_a_schema_that_nothing_can_be_checked_against_is_refused(
    schema: dict[str, Any], words: str
) -> None:
    with pytest.raises(SchemaRefused, match=words):
        check_schema(schema)


def test_a_reference_to_nothing_and_one_to_itself_are_refused() -> None:
    for place in ("#/$defs/missing", "#"):
        with pytest.raises(SchemaRefused):
            violation({"$ref": place}, {})


def test_a_schema_that_doubles_at_every_level_is_given_up() -> None:
    levels = {
        f"l{n}": {"allOf": [{"$ref": f"#/$defs/l{n + 1}"}] * 2} for n in range(40)
    }
    schema = {"$defs": {**levels, "l40": True}, "$ref": "#/$defs/l0"}
    began = time.process_time()

    with pytest.raises(SchemaRefused, match="costly"):
        violation(schema, {})

    assert time.process_time() - began < 10


def test_a_pattern_that_backtracks_for_ever_is_given_up() -> None:
    with pytest.raises(SchemaRefused, match="costly"):
        violation({"pattern": "^(a|aa)+$"}, "a" * 60 + "!")


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "properties", "items", "$ref", "enum", "a"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(
    schema=st.dictionaries(
        st.sampled_from(
            ["type", "properties", "items", "$ref", "enum", "pattern", "allOf"]
        ),
        _json | st.sampled_from(["object", "#", "("]),
        max_size=4,
    ),
    value=_json,
)
def test_any_schema_is_refused_or_answers(schema: dict[str, Any], value: Any) -> None:
    with suppress(SchemaRefused):
        check_schema(schema)
        assert isinstance(violation(schema, value), str)
