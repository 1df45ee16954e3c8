"""What every module of this protocol shares: its name, and careful reading."""

from typing import Any

import orjson

from gateway.adapters.reading import Unreadable
from gateway.types import JSON

NAME = "gemini_generate"


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


def has_error(tree: JSON) -> bool:
    """Say whether an answer is an error, whatever its status was."""
    return bool(tree.get("error"))


def as_index(value: Any) -> int:
    """Return a position; what cannot be one is the first."""
    return value if type(value) is int and 0 <= value < 1000 else 0
