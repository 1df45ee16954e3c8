"""What every part of the protocol needs: its name, and a careful reading of JSON."""

from typing import Any

import orjson

from gateway.adapters.reading import Unreadable
from gateway.types import JSON

NAME = "bedrock_converse"


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


def list_of(value: Any) -> list[Any]:
    return value if type(value) is list else []


def number_of(value: Any) -> int:
    return value if type(value) is int else -1
