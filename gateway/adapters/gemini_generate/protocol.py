"""What every module of this protocol shares: its name, and careful reading."""

from typing import Any

import orjson

from gateway.types import JSON

NAME = "gemini_generate"


class Unreadable(ValueError):
    """An answer that is not what the protocol promises."""


def loads(data: bytes) -> Any:
    """Read JSON; bytes that are no UTF-8 are replaced rather than refused."""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        pass
    try:
        return orjson.loads(data.decode("utf-8", "replace"))
    except orjson.JSONDecodeError as error:
        msg = "The answer is not valid JSON."
        raise Unreadable(msg) from error


def as_object(value: Any) -> JSON:
    return value if type(value) is dict else {}


def as_objects(value: Any) -> list[JSON]:
    """Return the objects of a list; anything else holds none."""
    if type(value) is not list:
        return []
    return [each for each in value if type(each) is dict]


def as_text(value: Any) -> str:
    return value if type(value) is str else ""


def has_error(tree: JSON) -> bool:
    """Say whether an answer is an error, whatever its status was."""
    return bool(tree.get("error"))


def as_index(value: Any) -> int:
    """Return a position; what cannot be one is the first."""
    return value if type(value) is int and 0 <= value < 1000 else 0


def printable(text: str) -> str:
    return text if text.isprintable() else ascii(text)
