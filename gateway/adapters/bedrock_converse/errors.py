"""Error bodies and exceptions inside a stream, read into the gateway's words."""

from typing import Any

import orjson

from gateway.adapters.reading import object_of, printable, text_of
from gateway.types import UpstreamFault

# The protocol has no code for these: only the message tells.
_TOO_LONG = (
    "input is too long",
    "prompt is too long",
    "too many input tokens",
    "exceeds the maximum number of tokens",
    "exceed context limit",
    "maximum context length",
)
_NO_MODEL = (
    "model identifier is invalid",
    "on-demand throughput isn",
    "reached the end of its life",
)
# From here on a refused signature quotes what was signed, the session token included.
_QUOTED = "The Canonical String"

_STATUS = {
    "accessdeniedexception": 403,
    "internalserverexception": 500,
    "modelerrorexception": 502,
    "modelnotreadyexception": 429,
    "modelstreamerrorexception": 502,
    "modeltimeoutexception": 408,
    "resourcenotfoundexception": 404,
    "serviceunavailableexception": 503,
    "throttlingexception": 429,
    "validationexception": 400,
}
_ANY_OTHER = 502


def error_code(body: bytes) -> UpstreamFault:
    """Read an error body. Its type stands in a header, and seldom in the body too."""
    try:
        tree: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        return UpstreamFault("", "The provider answered with an error and no JSON.")
    error = object_of(tree)
    kind = printable(error.get("__type")).rpartition("#")[2]
    return _fault(kind, error, None)


def exception_of(name: str, payload: bytes) -> UpstreamFault:
    """Read an exception that ended a stream."""
    try:
        error = object_of(orjson.loads(payload))
    except orjson.JSONDecodeError:
        error = {"message": payload.decode("utf-8", "replace")}
    status = _STATUS.get(name.lower(), _ANY_OTHER)
    return _fault(printable(name), error, status)


def _fault(kind: str, error: dict[str, Any], status: int | None) -> UpstreamFault:
    told = (
        text_of(error.get("originalMessage"))
        or text_of(error.get("message"))
        or text_of(error.get("Message"))
    )
    message = told.partition(_QUOTED)[0].strip()[:1000] or "No message."
    lowered = message.lower()
    if any(phrase in lowered for phrase in _TOO_LONG):
        kind = "context_length_exceeded"
    elif any(phrase in lowered for phrase in _NO_MODEL):
        kind = "model_not_found"
    return UpstreamFault(code=kind[:64], message=message, status=status)
