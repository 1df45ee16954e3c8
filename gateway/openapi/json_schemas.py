"""JSON schemas in few words, for the descriptions of routes."""

from typing import Any

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "number"}
COUNT: Schema = {"type": "integer"}
TRUTH: Schema = {"type": "boolean"}
MAYBE_TEXT: Schema = {"type": ["string", "null"]}
MAYBE_NUMBER: Schema = {"type": ["number", "null"]}
MAYBE_COUNT: Schema = {"type": ["integer", "null"]}
MAYBE_MOMENT: Schema = {"type": ["string", "null"], "format": "date-time"}
OBJECT: Schema = {"type": "object", "additionalProperties": True}
OBJECTS: Schema = {"type": "array", "items": OBJECT}


def object_of(properties: Schema, *required: str, **more: Any) -> Schema:
    """Return the schema of an object; what is not `required` may be missing."""
    found: Schema = {"type": "object", "properties": properties}
    if required:
        found["required"] = list(required)
    return {**found, **more}


def list_of(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def described(kind: Schema, description: str, **more: Any) -> Schema:
    return {**kind, "description": description, **more}


def component(name: str) -> Schema:
    """Refer to a schema of components.yaml."""
    return {"$ref": f"#/components/schemas/{name}"}
