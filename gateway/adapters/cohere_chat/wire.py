"""What every part of the protocol needs: its name, and a careful reading of JSON."""

from typing import Any

import orjson

from gateway.types import JSON

NAME = "cohere_chat"


def object_of(value: Any) -> JSON:
    """Return an object; of a list of them the first, as some events write either."""
    if type(value) is list and value:
        value = value[0]
    return value if type(value) is dict else {}


def dumps_or(value: Any, default: str) -> str:
    """Return the value as JSON text; the default when it is nested too deep for that."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        return default
