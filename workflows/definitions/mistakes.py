"""A mistake in a definition: its place, and what is wrong, in words."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

MAX_SHOWN = 60


class Mistake(NamedTuple):
    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


def mistakes_by(
    value: Any, checker: Draft202012Validator, place: str
) -> Iterator[Mistake]:
    for error in checker.iter_errors(value):
        where = place
        for part in error.absolute_path:
            where += f"[{part}]" if isinstance(part, int) else f".{part}"
        yield Mistake(where.removeprefix("."), _words(error))


def _words(error: ValidationError) -> str:
    """Say what is wrong without repeating a value that may be long."""
    wanted: Any = error.validator_value
    match error.validator:
        case "type":
            kinds = wanted if isinstance(wanted, list) else [wanted]
            return f"It must be {' or '.join(_KIND_WORDS[kind] for kind in kinds)}."
        case "enum":
            return f"It must be one of {', '.join(map(str, wanted))}."
        case "required":
            present: Any = error.instance
            missing = [name for name in wanted if name not in present]
            return f"{' and '.join(map(repr, missing))} must be given."
        case "additionalProperties":
            schema: Any = error.schema
            given: Any = error.instance
            known = schema.get("properties", {})
            extra = [name for name in given if name not in known]
            names = ", ".join(shown(name) for name in extra[:5])
            return f"{names} is not known; there are {', '.join(known)}."
        case "minimum" | "maximum":
            word = "least" if error.validator == "minimum" else "most"
            return f"It must be at {word} {wanted}."
        case "minLength" | "minItems" | "minProperties":
            return "It must not be empty."
        case "maxLength" | "maxItems" | "maxProperties":
            return f"It may have {wanted} parts at most."
        case "pattern":
            return "Begin with a letter; then letters, digits, '_' and '-'."
    return error.message[:200]


_KIND_WORDS = {
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "object": "an object",
    "array": "a list",
    "boolean": "true or false",
    "null": "null",
}


def shown(text: str) -> str:
    return repr(text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…")
