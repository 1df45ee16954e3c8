"""Errors, as clients of the protocol read them."""

import orjson

from gateway.types import JSON

_TYPES_BY_STATUS = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    405: "invalid_request_error",
    408: "timeout_error",
    409: "conflict_error",
    413: "request_too_large",
    422: "invalid_request_error",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}

# What a provider says inside a stream, whose status is long gone.
_TOLD_IN_STREAMS = frozenset({"overloaded_error", "rate_limit_error", "timeout_error"})


def build_error(
    status: int, code: str, message: str, param: str | None, extra: JSON | None = None
) -> bytes:
    """Return the error body. A `request_id` among the extras stands where it belongs."""
    return orjson.dumps(_error(status, code, message, param, extra))


def build_error_event(
    status: int, code: str, message: str, param: str | None = None
) -> bytes:
    """Return the event that ends a stream which cannot be completed."""
    error = orjson.dumps(_error(status, code, message, param, None))
    return b"event: error\ndata: " + error + b"\n\n"


def _error(
    status: int, code: str, message: str, param: str | None, extra: JSON | None
) -> JSON:
    more = dict(extra or {})
    outside = {"request_id": more.pop("request_id")} if "request_id" in more else {}
    details = {"error_code": code}
    if param:
        details["param"] = param
    kind = _TYPES_BY_STATUS.get(status, "api_error")
    if code in _TOLD_IN_STREAMS:
        kind = code
    error = {"type": kind, "message": message, "details": details, **more}
    return {"type": "error", "error": error, **outside}
