"""Which schemas Cohere takes for its structured outputs."""

from typing import Any

from gateway.simulator.checks import names_in, refuse
from gateway.simulator.types import JSON

_UNSUPPORTED = names_in(
    "allOf oneOf not minimum maximum exclusiveMinimum exclusiveMaximum multipleOf "
    "minItems maxItems minLength maxLength uniqueItems"
)
_FORMATS = names_in("date-time uuid date time")
# What stands under these keys is named by the schema's author.
_NAMED = ("properties", "$defs", "definitions")


def check_schema(schema: Any, place: str) -> None:
    """Refuse what is no object, and every keyword that is not understood."""
    if not isinstance(schema, dict) or schema.get("type") != "object":
        refuse(f"invalid request: {place}: the top level must be an object")
    _check(schema, place)


def _check(schema: Any, place: str) -> None:
    if not isinstance(schema, dict):
        return
    if found := sorted(_UNSUPPORTED & schema.keys()):
        refuse(f"invalid request: {place}: {', '.join(found)} is not supported")
    if schema.get("type") == "object" and not schema.get("required"):
        refuse(f"invalid request: {place}: an object needs a required field")
    if "format" in schema and schema["format"] not in _FORMATS:
        refuse(f"invalid request: {place}: format is not supported")
    if any(mark in schema.get("pattern", "") for mark in ("^", "$", "?=", "?!")):
        refuse(f"invalid request: {place}: the pattern is not supported")
    for below in _below(schema):
        _check(below, place)


def _below(schema: JSON) -> list[Any]:
    found = [schema.get("items"), schema.get("additionalProperties")]
    for key in _NAMED:
        if isinstance(schema.get(key), dict):
            found += schema[key].values()
    if isinstance(schema.get("anyOf"), list):
        found += schema["anyOf"]
    return found
