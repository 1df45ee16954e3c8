"""What every part of the protocol needs: its name, and a careful reading of JSON."""

from typing import Any

import orjson

from gateway.types import JSON

NAME = "bedrock_converse"


class Unreadable(ValueError):
    """An answer that is not what the protocol promises."""


def loads(data: bytes) -> JSON:
    """Return the object in the payload of an event. Raises `Unreadable`."""
    try:
        tree = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        msg = "An event of the stream is not valid JSON."
        raise Unreadable(msg) from error
    if type(tree) is not dict:
        msg = "An event of the stream is no JSON object."
        raise Unreadable(msg)
    return tree


def text_of(value: Any) -> str:
    return value if type(value) is str else ""


def object_of(value: Any) -> JSON:
    return value if type(value) is dict else {}


def list_of(value: Any) -> list[Any]:
    return value if type(value) is list else []


def number_of(value: Any) -> int:
    return value if type(value) is int else -1


def printable(value: Any) -> str:
    """Return a text that is fit for a header or a log line."""
    text = text_of(value)
    return text if text.isprintable() else ascii(text)
