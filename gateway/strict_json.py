"""Reading a request body as JSON, strictly: it must mean one thing to all readers."""

import json
import re
from typing import Any

import msgspec
import orjson

_MAX_DEPTH = 200
_SPACED_COLON = re.compile(rb'"[ \t\r\n]+:')
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class InvalidJSON(ValueError):
    """The body is not a JSON object that has one meaning only."""


def parse_object(body: bytes) -> dict[str, Any]:
    """Return the object; `InvalidJSON` says what is wrong with it.

    Refused are, besides what is no JSON: NaN and infinities, invalid UTF-8, lone
    surrogates, repeated keys, and nesting deeper than 200.
    """
    try:
        tree = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        msg = f"The body is not valid JSON: {error}."
        raise InvalidJSON(msg) from error
    if type(tree) is not dict:
        msg = "The body must be a JSON object."
        raise InvalidJSON(msg)
    keys = _count_keys(tree)
    # Counting the colons that follow a quote is exact unless one of two rare
    # spellings occurs; then the slow reader decides.
    if (
        body.count(b'":') != keys
        or b'\\":' in body
        or _SPACED_COLON.search(body) is not None
    ):
        _check_repeated_keys(body)
    return tree


def fields_of(body: bytes) -> dict[str, bytes]:
    """Return the top-level members of a valid object, each value as it was written."""
    return {key: bytes(value) for key, value in _fields(body).items()}


def join_fields(fields: dict[str, bytes]) -> bytes:
    """Return the object with these members."""
    return (
        b"{"
        + b",".join([orjson.dumps(key) + b":" + value for key, value in fields.items()])
        + b"}"
    )


def _count_keys(tree: dict[str, Any]) -> int:
    """Return how many keys all objects of the tree have together."""
    count = 0
    level: list[Any] = [tree]
    for _ in range(_MAX_DEPTH):
        below: list[Any] = []
        for node in level:
            if type(node) is dict:
                count += len(node)
                children = node.values()
            else:
                children = node
            below += [
                child
                for child in children
                if type(child) is dict or type(child) is list
            ]
        if not below:
            return count
        level = below
    msg = f"The body is nested deeper than {_MAX_DEPTH} levels."
    raise InvalidJSON(msg)


def _check_repeated_keys(body: bytes) -> None:
    try:
        json.loads(body, object_pairs_hook=_object_without_repeats)
    except (RecursionError, ValueError) as error:
        if isinstance(error, InvalidJSON):
            raise
        msg = "The body is not valid JSON."
        raise InvalidJSON(msg) from error


def _object_without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                msg = f"The key {key!r} stands twice in one object."
                raise InvalidJSON(msg)
            seen.add(key)
    return found
