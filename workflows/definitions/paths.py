"""Names of values: `research.output.title`, `input.name`, `item.0`. Looked up, never run."""

import string
from collections.abc import Mapping
from typing import Any

Path = tuple[str, ...]
Values = Mapping[str, Any]

INPUT = "input"
ITEM = "item"
INDEX = "index"
OUTPUT = "output"
# Names that no step may have.
RESERVED = frozenset({INPUT, ITEM, INDEX})

_MAX_SEGMENTS = 20
_MAX_SEGMENT = 100
_FIRST = frozenset(string.ascii_letters + "_")
_LATER = _FIRST | frozenset(string.digits + "-")
_DIGITS = frozenset(string.digits)


class NoSuchValue(Exception):
    """The path leads nowhere; the message says where it ended."""


def is_name(text: str) -> bool:
    return (
        0 < len(text) <= _MAX_SEGMENT
        and text[0] in _FIRST
        and all(each in _LATER for each in text)
    )


def path_in(text: str) -> Path | None:
    """Return the path that the text is, None when it is none."""
    segments = text.split(".", _MAX_SEGMENTS)
    if len(segments) > _MAX_SEGMENTS or not is_name(segments[0]):
        return None
    if all(is_name(each) or _is_number(each) for each in segments[1:]):
        return tuple(segments)
    return None


def look_up(path: Path, values: Values) -> Any:
    """Return what the path leads to. Below nothing there is nothing: null.

    Raises `NoSuchValue` for a member that an object, or a text, does not have.
    """
    if path[0] not in values:
        raise NoSuchValue(f"There is no value named {path[0]!r}.")
    found = values[path[0]]
    for depth, segment in enumerate(path[1:], start=1):
        if found is None:
            return None
        if isinstance(found, dict) and segment in found:
            found = found[segment]
        elif isinstance(found, list) and _is_number(segment):
            found = found[int(segment)] if int(segment) < len(found) else None
        else:
            where = ".".join(path[:depth])
            raise NoSuchValue(f"{where} is {_kind(found)} without {segment!r}.")
    return found


def _is_number(text: str) -> bool:
    return 0 < len(text) <= 6 and all(each in _DIGITS for each in text)


def _kind(value: Any) -> str:
    match value:
        case dict():
            return "an object"
        case list():
            return "a list"
        case str():
            return "a text"
        case bool():
            return "true or false"
    return "a number"
