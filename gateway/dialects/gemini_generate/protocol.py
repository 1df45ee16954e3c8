"""What every module of this dialect shares: its names, and reading in either case."""

from functools import lru_cache
from typing import Any

from gateway.body_fields import Malformed
from gateway.types import JSON

NAME = "gemini_generate"
CONTENT_TYPE = b"application/json"
EVENT_STREAM = b"text/event-stream; charset=utf-8"
# Google's clients read no comments, so what keeps a stream alive is an empty piece. Its
# part is there because a piece without one keeps them from remembering the whole answer.
KEEPALIVE = (
    b'data: {"candidates":[{"content":{"parts":[{"text":""}],"role":"model"},"index":0}]}'
    b"\n\n"
)


@lru_cache(maxsize=512)
def snake(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name)


@lru_cache(maxsize=512)
def camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def member(tree: JSON, name: str) -> Any:
    """Return a member by its camelCase name, in whichever case it was sent."""
    value = tree.get(name)
    return tree.get(snake(name)) if value is None else value


def others(tree: JSON, known: frozenset[str]) -> JSON:
    """Return the members that are not known, under their camelCase names."""
    return {
        key: value
        for name, value in tree.items()
        if (key := camel(name)) not in known and value is not None
    }


def object_in(tree: JSON, name: str, where: str = "") -> JSON:
    """Return an object; one that was not sent is empty."""
    value = member(tree, name)
    if value is None:
        return {}
    if type(value) is not dict:
        raise _wrong(name, where, "an object")
    return value


def objects_in(tree: JSON, name: str, where: str = "") -> list[JSON]:
    value = member(tree, name)
    if value is None:
        return []
    if type(value) is not list or any(type(each) is not dict for each in value):
        raise _wrong(name, where, "a list of objects")
    return value


def texts_in(tree: JSON, name: str, where: str = "") -> list[str]:
    value = member(tree, name)
    if value is None:
        return []
    if type(value) is not list or any(type(each) is not str for each in value):
        raise _wrong(name, where, "a list of strings")
    return value


def text_in(tree: JSON, name: str, where: str = "") -> str:
    value = member(tree, name)
    if value is None:
        return ""
    if type(value) is not str:
        raise _wrong(name, where, "a string")
    return value


def number_in(tree: JSON, name: str, where: str = "") -> float | None:
    value = member(tree, name)
    if value is None:
        return None
    if type(value) is int or type(value) is float:
        return value
    raise _wrong(name, where, "a number")


def whole_in(tree: JSON, name: str, where: str = "") -> int | None:
    """Return a whole number, which may be written 3, 3.0 or "3"."""
    value = member(tree, name)
    if value is None or type(value) is int:
        return value
    if type(value) is float and value.is_integer():
        return int(value)
    if type(value) is str and len(value) < 20:
        digits = value.removeprefix("-")
        if digits.isascii() and digits.isdigit():
            return int(value)
    raise _wrong(name, where, "a whole number")


def _wrong(name: str, where: str, kind: str) -> Malformed:
    path = f"{where}.{name}" if where else name
    return Malformed(f"'{path}' must be {kind}.", path)
