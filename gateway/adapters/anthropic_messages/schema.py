"""A JSON schema as the provider's structured output accepts it."""

from typing import Any

import orjson

from gateway.types import JSON

_KEPT = frozenset({"type", "enum", "const", "required", "description", "title"})
_FORMATS = frozenset(
    {
        "date-time",
        "time",
        "date",
        "duration",
        "email",
        "hostname",
        "uri",
        "ipv4",
        "ipv6",
        "uuid",
    }
)
# What is said elsewhere or not at all.
_LEFT_OUT = frozenset(
    {"additionalProperties", "$schema", "$id", "$defs", "definitions"}
)
_DEFINED_IN = ("#/$defs/", "#/definitions/")
_MAX_DEPTH = 64


class Inexpressible(ValueError):
    """A schema that cannot be said in the provider's terms."""


def convert_schema(schema: JSON) -> JSON:
    """Return the schema in the provider's subset; what it lacks becomes description.

    Raises `Inexpressible` for open objects, recursion and references elsewhere.
    """
    found = schema.get("$defs") or schema.get("definitions")
    named: set[str] = set()
    converted = _converted(schema, named, 0)
    definitions: JSON = {}
    _define(named, found if type(found) is dict else {}, definitions, ())
    if definitions:
        converted["$defs"] = definitions
    return converted


def _define(
    names: set[str], found: JSON, definitions: JSON, within: tuple[str, ...]
) -> None:
    """Convert the definitions of these names, and those that they name in turn."""
    if names.intersection(within) or len(within) > _MAX_DEPTH:
        raise Inexpressible
    for name in sorted(names.difference(definitions)):
        named: set[str] = set()
        converted = _converted(found.get(name), named, 0)
        _define(named, found, definitions, (*within, name))
        definitions[name] = converted


def _converted(node: Any, named: set[str], depth: int) -> JSON:
    """Return the node in the subset; the definitions it names are added to `named`."""
    if (
        type(node) is not dict
        or depth > _MAX_DEPTH
        or {"anyOf", "oneOf"} <= node.keys()
    ):
        raise Inexpressible
    if "$ref" in node:
        return _reference(node["$ref"], named)
    kept: JSON = {}
    notes: list[str] = []
    for name, value in node.items():
        if nested := _nested(name, value, named, depth + 1):
            kept |= nested
        elif _is_kept(name, value):
            kept[name] = value
        elif name not in _LEFT_OUT:
            notes.append(f"{name}: {_said(value)}")
    if _is_object(node):
        _check_closed(node)
        kept["additionalProperties"] = False
    if notes:
        kept["description"] = "\n".join([*_texts(kept.get("description")), *notes])
    return kept


def _nested(name: str, value: Any, named: set[str], depth: int) -> JSON:
    """Return the member if it holds schemas, converted, else nothing."""
    match name, value:
        case "properties", dict():
            within = {key: _converted(one, named, depth) for key, one in value.items()}
            return {name: within}
        case (("anyOf" | "allOf" | "oneOf"), list()):
            among = [_converted(one, named, depth) for one in value]
            return {"anyOf" if name == "oneOf" else name: among}
        case (("properties" | "anyOf" | "allOf" | "oneOf"), _):
            raise Inexpressible
        case "items", _:
            return {name: _converted(value, named, depth)}
        case _:
            return {}


def _texts(told: Any) -> list[str]:
    return [told] if type(told) is str and told else []


def _reference(reference: Any, named: set[str]) -> JSON:
    for folder in _DEFINED_IN:
        if type(reference) is str and reference.startswith(folder):
            name = reference.removeprefix(folder)
            named.add(name)
            return {"$ref": f"#/$defs/{name}"}
    raise Inexpressible


def _is_kept(name: str, value: Any) -> bool:
    return (
        name in _KEPT
        or (name == "minItems" and type(value) is int and value in {0, 1})
        or (name == "format" and type(value) is str and value in _FORMATS)
    )


def _is_object(node: JSON) -> bool:
    kind = node.get("type")
    return (
        kind == "object"
        or (type(kind) is list and "object" in kind)
        or "properties" in node
    )


def _check_closed(node: JSON) -> None:
    """Refuse maps: objects that live on properties without a name."""
    more = node.get("additionalProperties", True)
    if type(more) is dict or (more is True and not node.get("properties")):
        raise Inexpressible


def _said(value: Any) -> str:
    try:
        return orjson.dumps(value).decode()
    except TypeError as error:
        raise Inexpressible from error
