"""`{{research.output.title}}` and `{{input.name}}`: text put in place of a name.

Nothing is evaluated. What stands between the braces and is no path stays as it is, and
what has been put in is never looked at again.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import orjson

from workflows.definitions.paths import Path, Values, look_up, path_in

_OPEN, _CLOSE = "{{", "}}"
_MAX_PLACEHOLDER = 500
_MAX_REMEMBERED_TEXT = 20_000

Piece = str | Path


class TooLarge(Exception):
    """What would come out is larger than may be."""


def pieces_of(text: str) -> tuple[Piece, ...]:
    """Split a text into what stays and the paths of what is put in between."""
    if _OPEN not in text:
        return (text,) if text else ()
    if len(text) > _MAX_REMEMBERED_TEXT:
        return _split(text)
    return _remembered(text)


def only_path(text: str) -> Path | None:
    """Return the path when the text is one placeholder and nothing else."""
    pieces = pieces_of(text)
    if len(pieces) == 1 and isinstance(pieces[0], tuple):
        return pieces[0]
    return None


def paths_in(value: Any) -> Iterator[tuple[str, Path]]:
    """Yield each path in the texts of a JSON value, with the place of the text."""
    waiting: list[tuple[str, Any]] = [("", value)]
    while waiting:
        place, node = waiting.pop()
        if isinstance(node, str):
            for piece in pieces_of(node):
                if isinstance(piece, tuple):
                    yield place, piece
        elif isinstance(node, dict):
            waiting += [(f"{place}.{name}", each) for name, each in node.items()]
        elif isinstance(node, list):
            waiting += [(f"{place}[{at}]", each) for at, each in enumerate(node)]


def filled(value: Any, values: Values, max_bytes: int) -> Any:
    """Return the JSON value with every placeholder replaced.

    A text that is one placeholder becomes what it names, of whatever type; inside a
    longer text values become text. Raises `NoSuchValue` and `TooLarge`.
    """
    return _Filling(values, max_bytes).fill(value)


class _Filling:
    def __init__(self, values: Values, max_bytes: int) -> None:
        self._values = values
        self._left = max_bytes

    def fill(self, node: Any) -> Any:
        if isinstance(node, str):
            return self._fill_text(node)
        if isinstance(node, dict):
            return {name: self.fill(each) for name, each in node.items()}
        if isinstance(node, list):
            return [self.fill(each) for each in node]
        return node

    def _fill_text(self, text: str) -> Any:
        pieces = pieces_of(text)
        if len(pieces) == 1 and isinstance(pieces[0], tuple):
            whole = look_up(pieces[0], self._values)
            self._count(len(as_text(whole)))
            return whole
        said = []
        for piece in pieces:
            if isinstance(piece, tuple):
                piece = as_text(look_up(piece, self._values))
            self._count(len(piece))
            said.append(piece)
        return "".join(said)

    def _count(self, length: int) -> None:
        self._left -= length
        if self._left < 0:
            raise TooLarge("With its placeholders filled the input is too large.")


def as_text(value: Any) -> str:
    """Return a value as it stands inside a text: nothing for null, JSON for objects."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    return orjson.dumps(value).decode()


@lru_cache(maxsize=2_000)
def _remembered(text: str) -> tuple[Piece, ...]:
    return _split(text)


def _split(text: str) -> tuple[Piece, ...]:
    found: list[Piece] = []
    kept = at = 0
    while (opens := text.find(_OPEN, at)) >= 0:
        closes = text.find(_CLOSE, opens + 2, opens + _MAX_PLACEHOLDER)
        path = None if closes < 0 else path_in(text[opens + 2 : closes].strip(" \t"))
        if path is None:
            # Of `{{{a.output}}` the last two braces may open a placeholder.
            at = opens + 1
            continue
        if opens > kept:
            found.append(text[kept:opens])
        found.append(path)
        kept = at = closes + 2
    if kept < len(text):
        found.append(text[kept:])
    return tuple(found)
