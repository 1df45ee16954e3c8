"""Members of a body, each of the kind it must be."""

from typing import Any

from gateway.dialects.openai_responses.checks import Malformed
from gateway.types import JSON


def number_in(body: JSON, name: str) -> float | None:
    value = body.get(name)
    if value is not None and type(value) is not int and type(value) is not float:
        raise Malformed(f"'{name}' must be a number.", name)
    return value


def integer_in(body: JSON, name: str) -> int | None:
    value = body.get(name)
    if value is not None and type(value) is not int:
        raise Malformed(f"'{name}' must be a whole number.", name)
    return value


def boolean_in(body: JSON, name: str) -> bool | None:
    value = body.get(name)
    if value is not None and type(value) is not bool:
        raise Malformed(f"'{name}' must be true or false.", name)
    return value


def text_in(body: JSON, name: str, at: str = "") -> str:
    """Return the string, empty when there is none."""
    value = body.get(name)
    if value is not None and type(value) is not str:
        raise Malformed(f"'{at}{name}' must be a string.", at + name)
    return value or ""


def object_in(body: JSON, name: str, at: str = "") -> JSON:
    """Return the object, empty when there is none."""
    value = body.get(name)
    if value is not None and type(value) is not dict:
        raise Malformed(f"'{at}{name}' must be an object.", at + name)
    return value or {}


def list_in(body: JSON, name: str, at: str = "") -> list[Any]:
    """Return the list, empty when there is none."""
    value = body.get(name)
    if value is not None and type(value) is not list:
        raise Malformed(f"'{at}{name}' must be a list.", at + name)
    return value or []


def objects_in(body: JSON, name: str, at: str = "") -> list[tuple[str, JSON]]:
    """Return the objects of a list, each with its place."""
    found = []
    for index, value in enumerate(list_in(body, name, at)):
        place = f"{at}{name}[{index}]"
        if type(value) is not dict:
            raise Malformed(f"'{place}' must be an object.", place)
        found.append((place, value))
    return found
