"""Which schemas Anthropic takes for its structured outputs."""

from typing import Any

from gateway.simulator.checks import names_in, refuse
from gateway.simulator.types import JSON

_UNSUPPORTED = names_in(
    "minimum maximum exclusiveMinimum exclusiveMaximum multipleOf minLength maxLength "
    "pattern maxItems uniqueItems contains minProperties maxProperties oneOf not if "
    "then else patternProperties propertyNames dependentSchemas dependentRequired"
)
_FORMATS = names_in("date-time time date duration email hostname uri ipv4 ipv6 uuid")
# What stands under these keys is named by the schema's author.
_NAMED = ("properties", "$defs", "definitions")
_LISTED = ("anyOf", "allOf")


def check_schema(schema: Any, place: str) -> None:
    """Refuse an object that is open, and every keyword that is not understood."""
    if not isinstance(schema, dict):
        return
    kind = schema.get("type")
    found = sorted(_UNSUPPORTED & schema.keys())
    if found:
        names = ", ".join(found)
        refuse(f"{place}: For '{kind}' type, property '{names}' is not supported")
    if kind == "object" and schema.get("additionalProperties") is not False:
        refuse(
            f"{place}: For 'object' type, 'additionalProperties' must be explicitly "
            "set to false"
        )
    if schema.get("minItems", 0) not in {0, 1}:
        refuse(
            f"{place}: For 'array' type, 'minItems' values other than 0 or 1 are "
            "not supported"
        )
    if "format" in schema and schema["format"] not in _FORMATS:
        refuse(
            f"{place}: For 'string' type, format '{schema['format']}' is not supported"
        )
    for below in _below(schema):
        check_schema(below, place)


def _below(schema: JSON) -> list[Any]:
    found = [schema.get("items")]
    for key in _NAMED:
        if isinstance(schema.get(key), dict):
            found += schema[key].values()
    for key in _LISTED:
        if isinstance(schema.get(key), list):
            found += schema[key]
    return found
