"""Errors in OpenAI's shape, and the event that ends a stream of Responses."""

import orjson

from gateway.dialects.openai_chat.errors import build_error, error_of

__all__ = ["build_error", "build_error_event"]

# Nothing follows the event of an error, and everything before it counts lower.
_LAST = 2**31 - 1


def build_error_event(
    status: int, code: str, message: str, param: str | None = None
) -> bytes:
    """Return the event that ends a stream which cannot be completed.

    It says the same twice: some clients read its own members, others raise what its
    `error` holds.
    """
    event = {
        "type": "error",
        "code": code,
        "message": message,
        "param": param,
        "sequence_number": _LAST,
        "error": error_of(status, code, message, param),
    }
    return b"event: error\ndata: " + orjson.dumps(event) + b"\n\n"
