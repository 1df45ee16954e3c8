"""Errors in Signalbox's own shape."""

import orjson

from gateway.dialects.signalbox.protocol import event
from gateway.types import JSON


def build_error(
    status: int,
    code: str,
    message: str,
    param: str | None,
    extra: JSON | None = None,
    request_id: str = "",
) -> bytes:
    error: JSON = {"code": code, "message": message}
    if param is not None:
        error["param"] = param
    return orjson.dumps(
        {
            "success": False,
            "requestId": request_id,
            "error": {**error, **(extra or {})},
        }
    )


def build_error_event(
    status: int, code: str, message: str, param: str | None = None
) -> bytes:
    """Return the event that ends a stream which cannot be completed."""
    return event(b"error", build_error(status, code, message, param))
