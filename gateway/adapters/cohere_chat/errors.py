"""Error bodies, read into the gateway's words.

Source: https://docs.cohere.com/reference/errors
"""

from typing import Any

import orjson

from gateway.adapters.reading import text_of
from gateway.types import UpstreamFault

# The protocol has no codes: beside the status only the message tells.
_CODES = (
    ("context_length_exceeded", ("too many tokens", "maximum context length")),
    ("invalid_api_key", ("invalid api token", "no api key supplied", "invalid token")),
    ("insufficient_quota", ("api calls / month", "billing limit", "monthly limit")),
    ("content_policy_violation", ("blocked input", "blocked output", "unsafe")),
)
# Servers of the same shape write the message elsewhere, and how deep it is looked for.
_MESSAGES = ("message", "detail", "error", "msg")
_MAX_DEPTH = 4


def error_code(body: bytes) -> UpstreamFault:
    """Read an error body, however the provider wrote it."""
    try:
        tree: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        return UpstreamFault("", "The provider answered with an error and no JSON.")
    return fault_of(tree)


def fault_of(error: Any) -> UpstreamFault:
    """Read what stands where an error is expected."""
    message = _words(error) or "No message."
    return UpstreamFault(code=_code_of(error, message), message=message[:1000])


def _code_of(error: Any, message: str) -> str:
    lowered = message.lower()
    for code, phrases in _CODES:
        if any(phrase in lowered for phrase in phrases):
            return code
    told = error.get("error", error) if type(error) is dict else None
    code = text_of(told.get("code") or told.get("type")) if type(told) is dict else ""
    return (code if code.isprintable() else ascii(code))[:64]


def _words(value: Any, depth: int = 0) -> str:
    """Return the message that is in there somewhere, or nothing."""
    if type(value) is str:
        return value
    if depth == _MAX_DEPTH:
        return ""
    if type(value) is list:
        return "; ".join(filter(None, (_words(each, depth + 1) for each in value[:5])))
    if type(value) is dict:
        for name in _MESSAGES:
            if words := _words(value.get(name), depth + 1):
                return words
    return ""
