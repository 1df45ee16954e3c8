"""JSON schemas as Gemini reads them: a subset, and what is outside put into words."""

from typing import Any

from gateway.types import JSON

_KEPT = frozenset(
    {
        "$id",
        "$anchor",
        "$ref",
        "type",
        "title",
        "description",
        "minItems",
        "maxItems",
        "minimum",
        "maximum",
        "required",
        "propertyOrdering",
    }
)
_FORMATS = frozenset({"date-time", "date", "time"})
# Bounds that would be ignored; as words they still reach the model.
_TOLD = (
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "pattern",
    "uniqueItems",
)
_MAX_DEPTH = 60


def parameters_of(schema: JSON) -> JSON | None:
    """Return the schema of a function's parameters; None when it takes none."""
    converted = converted_schema(schema)
    is_empty = (
        not converted.get("properties")
        and not converted.get("additionalProperties")
        and converted.keys()
        <= {"type", "properties", "required", "additionalProperties", "title"}
    )
    return None if is_empty else converted


def converted_schema(schema: JSON) -> JSON:
    definitions = {
        **_objects(schema.get("definitions")),
        **_objects(schema.get("$defs")),
    }
    return _converted(schema, definitions, 0)


def _objects(value: Any) -> JSON:
    return value if type(value) is dict else {}


def _converted(node: JSON, definitions: JSON, depth: int) -> JSON:
    if depth > _MAX_DEPTH:
        return {}
    if "allOf" in node:
        node = _merged(node, definitions)
    kept: JSON = {}
    if type(reference := node.get("$ref")) is str:
        # Beside a reference only the likes of it may stand.
        kept = {k: node[k] for k in ("$id", "$anchor") if k in node}
        kept["$ref"] = _reference(reference)
    else:
        kept = {name: value for name, value in node.items() if name in _KEPT}
        _convert_values(node, kept)
        _convert_children(node, kept, definitions, depth)
    if own := {**_objects(node.get("definitions")), **_objects(node.get("$defs"))}:
        kept["$defs"] = _each(own, definitions, depth)
    return kept


def _reference(reference: str) -> str:
    return reference.replace("#/definitions/", "#/$defs/", 1)


def _merged(node: JSON, definitions: JSON) -> JSON:
    """Return the node with the members of `allOf`, which would be ignored, in itself."""
    branches = [each for each in node["allOf"] or () if type(each) is dict]
    rest = {name: value for name, value in node.items() if name != "allOf"}
    if len(branches) == 1 and not rest.keys() - {"description", "title", "default"}:
        return {**rest, **branches[0]}
    for branch in branches:
        name = str(branch.get("$ref", "")).rpartition("/")[2]
        source = _objects(definitions.get(name)) if "$ref" in branch else branch
        for key, value in source.items():
            if key == "properties":
                rest[key] = {**_objects(value), **_objects(rest.get(key))}
            elif key == "required" and type(value) is list:
                rest[key] = list(dict.fromkeys([*(rest.get(key) or ()), *value]))
            else:
                rest.setdefault(key, value)
    rest.pop("allOf", None)
    return rest


def _convert_values(node: JSON, kept: JSON) -> None:
    """Convert what stands for itself: values, formats, bounds."""
    told = [f"{name}: {node[name]}" for name in _TOLD if node.get(name) is not None]
    values = [node["const"]] if "const" in node else node.get("enum")
    if type(values) is list and values:
        usable = [v for v in values if type(v) in {str, int, float}]
        if usable:
            kept["enum"] = usable
            if None in values and type(kept.get("type")) is str:
                kept["type"] = [kept["type"], "null"]
        elif values != [None]:
            told.append(f"one of: {values}")
        if "type" not in kept and all(type(v) is str for v in usable) and usable:
            kept["type"] = "string"
    if type(form := node.get("format")) is str:
        if form in _FORMATS:
            kept["format"] = form
        else:
            told.append(f"format: {form}")
    if told:
        described = [kept["description"]] if kept.get("description") else []
        kept["description"] = " ".join([*described, f"({'; '.join(told)})"])


def _convert_children(node: JSON, kept: JSON, definitions: JSON, depth: int) -> None:
    if type(properties := node.get("properties")) is dict:
        kept["properties"] = _each(properties, definitions, depth)
    items = node.get("items")
    if type(items) is dict:
        kept["items"] = _converted(items, definitions, depth + 1)
    for name, branches in (
        ("prefixItems", items if type(items) is list else node.get("prefixItems")),
        ("anyOf", node.get("anyOf") or node.get("oneOf")),
    ):
        if type(branches) is list and branches:
            kept[name] = [
                _converted(each, definitions, depth + 1)
                for each in branches
                if type(each) is dict
            ]
    additional = node.get("additionalProperties")
    if type(additional) is bool:
        kept["additionalProperties"] = additional
    elif type(additional) is dict:
        kept["additionalProperties"] = _converted(additional, definitions, depth + 1)


def _each(schemas: JSON, definitions: JSON, depth: int) -> JSON:
    return {
        name: _converted(each, definitions, depth + 1) if type(each) is dict else {}
        for name, each in schemas.items()
    }
