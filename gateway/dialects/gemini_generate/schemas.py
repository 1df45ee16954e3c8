"""Google's schemas, a part of OpenAPI's, as JSON schemas."""

from typing import Any

from gateway.dialects.gemini_generate.protocol import camel
from gateway.types import JSON

_NOT_JSON_SCHEMA = frozenset({"nullable", "propertyOrdering", "example"})
_COUNTS = frozenset(
    {
        "minItems",
        "maxItems",
        "minLength",
        "maxLength",
        "minProperties",
        "maxProperties",
    }
)


def json_schema(schema: JSON) -> JSON:
    """Return the schema with the words and types of JSON schema."""
    named = {
        name if name.startswith("$") else camel(name): value
        for name, value in schema.items()
    }
    converted = {
        name: _value(name, value)
        for name, value in named.items()
        if name not in _NOT_JSON_SCHEMA and value is not None
    }
    if converted.get("type") == "type_unspecified":
        del converted["type"]
    if converted.get("format") == "enum":
        del converted["format"]
    if type(order := named.get("propertyOrdering")) is list:
        converted["properties"] = _ordered(converted.get("properties"), order)
    if named.get("nullable") is True:
        _allow_null(converted)
    return converted


def _value(name: str, value: Any) -> Any:
    if name == "type" and type(value) is str:
        return value.lower()
    if name in _COUNTS and type(value) is str and value.isdecimal():
        return int(value)
    if name in {"properties", "$defs"} and type(value) is dict:
        return {key: _schema(each) for key, each in value.items()}
    if name in {"items", "additionalProperties"}:
        return _schema(value)
    if name in {"anyOf", "oneOf", "allOf", "prefixItems"} and type(value) is list:
        return [_schema(each) for each in value]
    return value


def _schema(value: Any) -> Any:
    return json_schema(value) if type(value) is dict else value


def _ordered(properties: Any, order: list[Any]) -> JSON:
    """Return the properties in the order asked for, which JSON keeps by itself."""
    if type(properties) is not dict:
        return {}
    first = [name for name in order if type(name) is str and name in properties]
    return {name: properties[name] for name in dict.fromkeys([*first, *properties])}


def _allow_null(schema: JSON) -> None:
    if type(kind := schema.get("type")) is str:
        schema["type"] = [kind, "null"]
        if type(values := schema.get("enum")) is list:
            schema["enum"] = [*values, None]
    elif type(branches := schema.get("anyOf")) is list:
        schema["anyOf"] = [*branches, {"type": "null"}]
