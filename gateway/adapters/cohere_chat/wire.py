"""What every part of the protocol needs: its name, and a careful reading of JSON."""

from typing import Any

import orjson

from gateway.types import JSON

NAME = "cohere_chat"


class Unreadable(ValueError):
    """An answer that is not what the protocol promises."""


def loads(data: bytes, what: str) -> JSON:
    """Return the object that the bytes hold. Raises `Unreadable`, naming what they are."""
    try:
        tree = orjson.loads(data)
    except orjson.JSONDecodeError:
        try:
            tree = orjson.loads(data.decode("utf-8", "replace"))
        except orjson.JSONDecodeError as error:
            msg = f"{what} is not valid JSON."
            raise Unreadable(msg) from error
    if type(tree) is not dict:
        msg = f"{what} is no JSON object."
        raise Unreadable(msg)
    return tree


def text_of(value: Any) -> str:
    return value if type(value) is str else ""


def object_of(value: Any) -> JSON:
    """Return an object; of a list of them the first, as some events write either."""
    if type(value) is list and value:
        value = value[0]
    return value if type(value) is dict else {}


def objects_of(value: Any) -> list[JSON]:
    listed = value if type(value) is list else []
    return [each for each in listed if type(each) is dict]


def dumps_or(value: Any, default: str) -> str:
    """Return the value as JSON text; the default when it is nested too deep for that."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        return default
