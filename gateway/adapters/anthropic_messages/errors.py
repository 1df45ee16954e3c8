"""Error bodies and error events, read into the gateway's words."""

from typing import Any

import orjson

from gateway.adapters.reading import object_of, printable, text_of
from gateway.types import UpstreamFault

# The protocol has no code for it: only the message tells.
_TOO_LONG = ("prompt is too long", "exceed context limit", "exceeds the context window")

# Rate limits by name that do not clear by waiting.
_SPENT = frozenset(
    {
        "enforced_spend_limit_reached",
        "contract_spend_limit_reached",
        "organization_on_hold",
    }
)


def error_code(body: bytes) -> UpstreamFault:
    """Read an error body, however the provider wrote it."""
    try:
        tree: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        return UpstreamFault("", "The provider answered with an error and no JSON.")
    return fault_of(tree.get("error", tree) if isinstance(tree, dict) else tree)


def fault_of(error: Any) -> UpstreamFault:
    """Read the `error` object. Its type is the code, unless there is a truer one."""
    if type(error) is not dict:
        return UpstreamFault("", str(error)[:1000])
    message = text_of(error.get("message"))
    return UpstreamFault(
        code=_code_of(error, message)[:64], message=message[:1000] or "No message."
    )


def _code_of(error: dict[str, Any], message: str) -> str:
    kind = printable(error.get("type"))
    if text_of(object_of(error.get("details")).get("error_code")) in _SPENT:
        return "insufficient_quota"
    if kind == "invalid_request_error":
        lowered = message.lower()
        if any(phrase in lowered for phrase in _TOO_LONG):
            return "context_length_exceeded"
    return kind
