"""JSON schemas in the subset that structured output accepts."""

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.adapters.anthropic_messages.schema import Inexpressible, convert_schema
from gateway.types import JSON

CLOSED = {"additionalProperties": False}


def test_what_the_subset_lacks_becomes_description() -> None:
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "age": {"type": "integer", "minimum": 0, "description": "In years."},
            "mail": {"type": "string", "format": "email"},
            "code": {"type": "string", "format": "zip", "pattern": "^[0-9]+$"},
            "tags": {
                "type": "array",
                "items": {"type": "string"},
                "minItems": 1,
                "maxItems": 3,
            },
            "either": {"oneOf": [{"type": "string"}, {"type": "null"}]},
        },
        "required": ["age"],
    }

    assert convert_schema(schema) == {
        "type": "object",
        "properties": {
            "age": {"type": "integer", "description": "In years.\nminimum: 0"},
            "mail": {"type": "string", "format": "email"},
            "code": {
                "type": "string",
                "description": 'format: "zip"\npattern: "^[0-9]+$"',
            },
            "tags": {
                "type": "array",
                "items": {"type": "string"},
                "minItems": 1,
                "description": "maxItems: 3",
            },
            "either": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        },
        "required": ["age"],
        **CLOSED,
    }


def test_definitions_are_kept_where_they_are_used() -> None:
    city = {"type": "object", "properties": {"name": {"type": "string"}}}
    schema = {
        "type": "object",
        "properties": {"city": {"$ref": "#/definitions/City"}},
        "definitions": {"City": city, "Unused": {"$ref": "https://a.example"}},
    }

    assert convert_schema(schema) == {
        "type": "object",
        "properties": {"city": {"$ref": "#/$defs/City"}},
        **CLOSED,
        "$defs": {"City": {**city, **CLOSED}},
    }


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object"},
        {"type": "object", "additionalProperties": {"type": "string"}},
        {"properties": {"a": {"$ref": "https://a.example/schema"}}},
        {"properties": {"a": {"$ref": "#/$defs/Missing"}}},
        {"properties": {"a": {"$ref": "#"}}},
        {"properties": {"a": True}},
        {
            "properties": {"a": {"$ref": "#/$defs/A"}},
            "$defs": {"A": {"properties": {"a": {"$ref": "#/$defs/A"}}}},
        },
    ],
)
def test_open_objects_recursion_and_foreign_references_cannot_be_said(
    schema: JSON,
) -> None:
    with pytest.raises(Inexpressible):
        convert_schema(schema)


def test_definitions_that_multiply_cost_no_more_than_their_number() -> None:
    definitions: JSON = {
        f"D{n}": {
            "properties": {
                "a": {"$ref": f"#/$defs/D{n + 1}"},
                "b": {"$ref": f"#/$defs/D{n + 1}"},
            }
        }
        for n in range(40)
    }
    definitions["D40"] = {"type": "string"}

    converted = convert_schema(
        {"properties": {"a": {"$ref": "#/$defs/D0"}}, "$defs": definitions}
    )

    assert len(converted["$defs"]) == 41


names = st.sampled_from(
    [
        "type",
        "properties",
        "items",
        "anyOf",
        "oneOf",
        "$ref",
        "$defs",
        "a",
        "minItems",
        "description",
        "format",
        "additionalProperties",
        "required",
    ]
)
words = st.sampled_from(["object", "array", "string", "#/$defs/a", "#/$defs/b", "#"])
schemas = st.recursive(
    st.none() | st.booleans() | st.integers() | words,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=5)
    ),
    max_leaves=20,
)


@given(schema=st.dictionaries(names, schemas, max_size=5))
def test_no_schema_breaks_the_conversion_and_a_second_one_changes_nothing(
    schema: Any,
) -> None:
    with contextlib.suppress(Inexpressible):
        converted = convert_schema(schema)
        assert convert_schema(converted) == converted
