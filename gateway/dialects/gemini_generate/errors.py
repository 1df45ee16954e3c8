"""Errors in Google's shape."""

from typing import Any

import orjson

from gateway.types import JSON

_STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    402: "FAILED_PRECONDITION",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    405: "UNIMPLEMENTED",
    408: "DEADLINE_EXCEEDED",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_TYPE = "type.googleapis.com/google.rpc."


def build_error(
    status: int, code: str, message: str, param: str | None, extra: JSON | None = None
) -> bytes:
    """Return an error. `extra` may hold `retry_after_s`, the seconds to wait."""
    return orjson.dumps({"error": _error(status, code, message, param, extra or {})})


def build_error_event(
    status: int, code: str, message: str, param: str | None = None
) -> bytes:
    """Return the event that ends a stream which cannot be completed.

    Google's clients look for `error` in the first place alone.
    """
    error = _error(status, code, message, param, {})
    return b"data: " + orjson.dumps({"error": error}) + b"\n\n"


def _error(
    status: int, code: str, message: str, param: str | None, extra: JSON
) -> dict[str, Any]:
    details: list[JSON] = []
    if code:
        metadata = {
            name: value if type(value) is str else orjson.dumps(value).decode()
            for name, value in extra.items()
            if name != "retry_after_s"
        }
        details.append(
            {
                "@type": f"{_TYPE}ErrorInfo",
                "reason": code.upper(),
                "domain": "signalbox",
                **({"metadata": metadata} if metadata else {}),
            }
        )
    if param:
        violation = {"field": param, "description": message}
        details.append({"@type": f"{_TYPE}BadRequest", "fieldViolations": [violation]})
    if (wait := extra.get("retry_after_s")) is not None:
        details.append(
            {"@type": f"{_TYPE}RetryInfo", "retryDelay": f"{float(wait):g}s"}
        )
    return {
        "code": status,
        "message": message,
        "status": _STATUSES.get(
            status, "INVALID_ARGUMENT" if status < 500 else "INTERNAL"
        ),
        "details": details,
        **{name: v for name, v in extra.items() if name != "retry_after_s"},
    }
