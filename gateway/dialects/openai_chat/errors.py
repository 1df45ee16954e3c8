"""Errors in OpenAI's shape."""

from typing import Any

import orjson

from gateway.types import JSON

_TYPES_BY_STATUS = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    405: "invalid_request_error",
    409: "conflict_error",
    413: "invalid_request_error",
    422: "invalid_request_error",
    429: "rate_limit_error",
}


def build_error(
    status: int, code: str, message: str, param: str | None, extra: JSON | None = None
) -> bytes:
    return orjson.dumps({"error": error_of(status, code, message, param, extra)})


def build_error_event(
    status: int, code: str, message: str, param: str | None = None
) -> bytes:
    """Return the event that ends a stream which cannot be completed."""
    return (
        b"data: "
        + orjson.dumps({"error": error_of(status, code, message, param)})
        + b"\n\n"
    )


def error_of(
    status: int,
    code: str,
    message: str,
    param: str | None,
    extra: JSON | None = None,
) -> dict[str, Any]:
    return {
        "message": message,
        "type": _TYPES_BY_STATUS.get(status, "server_error"),
        "param": param,
        "code": code,
        **(extra or {}),
    }
