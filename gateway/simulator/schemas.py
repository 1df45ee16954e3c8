"""Makes a value that a JSON schema accepts."""

import math
from typing import Any

from jsonschema import Draft202012Validator, SchemaError

from gateway.simulator.patterns import text_matching
from gateway.simulator.types import JSON, Failure, Refused

# Deeper than this, optional properties are left out, so that recursion ends.
_DEEP = 4
# Nothing is repeated more often.
_MOST = 10_000
_FORMATS = {
    "date": "2026-01-31",
    "date-time": "2026-01-31T12:00:00Z",
    "time": "12:00:00Z",
    "duration": "P1D",
    "email": "sample@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000001",
}


def example_of(schema: JSON) -> Any:
    """Return a value valid against the schema, the same one each time.

    A schema that is none, or that would need an endless value, is refused.
    """
    try:
        Draft202012Validator.check_schema(schema)
        return _Example(schema).value(schema, "sample", 0)
    except (SchemaError, RecursionError, OverflowError) as error:
        message = f"Invalid schema: {getattr(error, 'message', 'it has no end')}."
        raise Refused(Failure(400, "invalid", message)) from error


class _Example:
    def __init__(self, root: JSON) -> None:
        self.root = root

    def value(self, schema: Any, name: str, depth: int) -> Any:
        """Return an example; `name` is what a text is made of."""
        if not isinstance(schema, dict):
            return name
        schema = self._flattened(schema, depth)
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return schema["enum"][0]
        match _type_of(schema):
            case "object":
                return self._object(schema, depth)
            case "array":
                return self._array(schema, name, depth)
            case "string":
                return _text(schema, name)
            case "integer" | "number" as kind:
                return _number(schema, whole=kind == "integer")
            case "boolean":
                return True
            case _:
                return None

    def _flattened(self, schema: JSON, depth: int) -> JSON:
        """Follow references and choose among alternatives."""
        for _ in range(20):
            if isinstance(reference := schema.get("$ref"), str):
                rest = {key: v for key, v in schema.items() if key != "$ref"}
                schema = _merged(self._resolve(reference), rest)
            elif options := schema.get("anyOf") or schema.get("oneOf"):
                rest = {k: v for k, v in schema.items() if k not in {"anyOf", "oneOf"}}
                # Deep down, the last alternative is usually the one that ends.
                schema = _merged(options[-1 if depth > _DEEP else 0], rest)
            elif parts := schema.get("allOf"):
                rest = {key: v for key, v in schema.items() if key != "allOf"}
                for part in parts:
                    rest = _merged(rest, self._flattened(part, depth))
                schema = rest
            else:
                break
        return schema

    def _resolve(self, reference: str) -> JSON:
        found: Any = self.root
        for step in reference.lstrip("#").strip("/").split("/"):
            if step:
                key = step.replace("~1", "/").replace("~0", "~")
                found = found.get(key, {}) if isinstance(found, dict) else {}
        return found if isinstance(found, dict) else {}

    def _object(self, schema: JSON, depth: int) -> JSON:
        required = schema.get("required", [])
        properties = schema.get("properties", {})
        names = [
            *(name for name in properties if depth <= _DEEP or name in required),
            *(name for name in required if name not in properties),
        ]
        made = {
            name: self.value(properties.get(name, {}), name, depth + 1)
            for name in names
        }
        if (least := schema.get("minProperties", 0)) > _MOST:
            raise OverflowError
        for number in range(least - len(made)):
            extra = schema.get("additionalProperties", {})
            made[f"extra_{number}"] = self.value(extra, "extra", depth + 1)
        return made

    def _array(self, schema: JSON, name: str, depth: int) -> list[Any]:
        fixed = schema.get("prefixItems", [])
        made = [self.value(item, name, depth + 1) for item in fixed]
        least = schema.get("minItems", 0 if depth > _DEEP else 1)
        least = min(least, schema.get("maxItems", least))
        if least > _MOST:
            raise OverflowError
        items = schema.get("items", {})
        while len(made) < least:
            item = self.value(items, name, depth + 1)
            if schema.get("uniqueItems") and item in made:
                item = self._other(items, item, len(made))
            made.append(item)
        return made

    def _other(self, schema: Any, item: Any, number: int) -> Any:
        """Return a further item of a list whose items must differ."""
        if isinstance(schema, dict) and number < len(schema.get("enum", [])):
            return schema["enum"][number]
        if isinstance(item, str):
            return f"{item}{number}"
        if isinstance(item, int | float) and not isinstance(item, bool):
            return item + number
        return item


def _type_of(schema: JSON) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((each for each in kind if each != "null"), "null")
    if isinstance(kind, str):
        return kind
    if "properties" in schema or "required" in schema:
        return "object"
    if "items" in schema or "prefixItems" in schema:
        return "array"
    if "minimum" in schema or "maximum" in schema:
        return "number"
    return "string"


def _text(schema: JSON, name: str) -> str:
    if isinstance(pattern := schema.get("pattern"), str):
        return text_matching(pattern)
    text = _FORMATS.get(schema.get("format", ""), name)
    if schema.get("minLength", 0) > _MOST:
        raise OverflowError
    text = text.ljust(schema.get("minLength", 0), "x")
    return text[: schema["maxLength"]] if "maxLength" in schema else text


def _number(schema: JSON, *, whole: bool) -> float | int:
    step = schema.get("multipleOf", 1 if whole else None)
    low, low_open = schema.get("minimum"), False
    high, high_open = schema.get("maximum"), False
    if (bound := schema.get("exclusiveMinimum")) is not None and bound is not False:
        low, low_open = (low if bound is True else bound), True
    if (bound := schema.get("exclusiveMaximum")) is not None and bound is not False:
        high, high_open = (high if bound is True else bound), True
    if step is None:
        return _between(low, high, open_ends=low_open or high_open)
    if low is None:
        low = min(step, high) if high is not None else step
    first = math.ceil(low / step)
    value = (first + (low_open and first * step == low)) * step
    if high is not None and (value > high or (high_open and value == high)):
        value = math.floor(high / step) * step - (step if high_open else 0)
    return int(value) if whole else float(value)


def _between(low: float | None, high: float | None, *, open_ends: bool) -> float:
    if low is None and high is None:
        return 1.5
    if low is None or high is None:
        edge = low if low is not None else high
        return float(edge or 0) + (0.5 if low is not None else -0.5)
    return (low + high) / 2 if open_ends or low != high else float(low)


def _merged(first: Any, second: JSON) -> JSON:
    """Join two schemas that both apply."""
    if not isinstance(first, dict):
        return second
    joined = {**first, **second}
    if "properties" in first and "properties" in second:
        joined["properties"] = {**first["properties"], **second["properties"]}
    if "required" in first and "required" in second:
        joined["required"] = [*first["required"], *second["required"]]
    return joined
