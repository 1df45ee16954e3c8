"""Reading what providers say, which may be anything: what every adapter needs for it."""

from typing import Any

import msgspec
import orjson

from gateway.types import JSON


class Unreadable(ValueError):
    """An answer that is not what the protocol promises."""


def loads(data: bytes, what: str = "An event of the stream") -> JSON:
    """Return the object that the bytes hold. Raises `Unreadable`, naming what they are.

    Bytes that are no UTF-8 are replaced rather than refused.
    """
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
    return value if type(value) is dict else {}


def objects_of(value: Any) -> list[JSON]:
    """Return the objects of a list; anything else holds none."""
    return [each for each in value if type(each) is dict] if type(value) is list else []


def printable(value: Any) -> str:
    """Return a text that is fit for a header or a log line."""
    text = text_of(value)
    return text if text.isprintable() else ascii(text)


def arguments_of(raw: msgspec.Raw) -> str:
    """Return what a tool is called with, as JSON text. Raises `Unreadable`."""
    text = bytes(raw)
    if text == b"null":
        return "{}"
    try:
        tree = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        msg = "The answer calls a tool with arguments that are not valid JSON."
        raise Unreadable(msg) from error
    if type(tree) is not dict:
        msg = "The answer calls a tool with arguments that are no object."
        raise Unreadable(msg)
    return text.decode()
