"""Errors as providers write them, in the body of a failed call or inside an answer."""

from typing import Any

import orjson

from gateway.adapters.reading import printable
from gateway.types import JSON, UpstreamFault

# Where a message may stand in an error, and how deep one is looked for.
_MESSAGES = ("message", "detail", "error", "msg")
_MAX_DEPTH = 4

# What a provider may say beside a code that is only the status once more.
_TELLING = frozenset(
    {
        "content_policy_violation",
        "context_length_exceeded",
        "exceed_context_size_error",
        "insufficient_quota",
    }
)


def error_code(body: bytes) -> UpstreamFault:
    """Read an error body, however the provider wrote it."""
    try:
        tree: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        return UpstreamFault("", "The provider answered with an error and no JSON.")
    if not isinstance(tree, dict):
        return fault_of(tree)
    return fault_of(_error_in(tree) or tree)


def fault_of(error: Any) -> UpstreamFault:
    """Read what stands where an error is expected."""
    if not isinstance(error, dict | list):
        return UpstreamFault("", str(error)[:1000])
    if isinstance(error, list):
        error = {"message": error}
    param = error.get("param")
    return UpstreamFault(
        code=printable(_code(error))[:64],
        message=(_words(error) or "No message.")[:1000],
        param=param if isinstance(param, str) else None,
    )


def hidden_fault(tree: JSON) -> UpstreamFault | None:
    """Return the error that an event of a stream holds, if it holds one."""
    if error := _error_in(tree):
        return fault_of(error)
    if tree.get("object") == "error" or ("detail" in tree and "choices" not in tree):
        return fault_of(tree)
    groq = tree.get("x_groq")
    if type(groq) is dict and groq.get("error"):
        return fault_of(groq["error"])
    return None


def _error_in(tree: JSON) -> Any:
    error = tree.get("error")
    if isinstance(error, str) and error and "code" in tree:
        # xAI keeps the code beside the message.
        return {"message": error, "code": tree["code"]}
    return error


def _code(error: JSON) -> str:
    code = error.get("code") or error.get("type") or ""
    if not isinstance(code, str | int | float):
        return ""
    if (code := str(code)).isdecimal():
        metadata = error.get("metadata")
        told = metadata.get("error_type") if type(metadata) is dict else None
        for telling in (told, error.get("type")):
            if isinstance(telling, str) and telling in _TELLING:
                return telling
    return code


def _words(value: Any, depth: int = 0) -> str:
    """Return the message that is in there somewhere, or nothing."""
    if isinstance(value, str):
        return value
    if depth == _MAX_DEPTH:
        return ""
    if isinstance(value, list):
        found = [_words(item, depth + 1) for item in value[:5]]
        return "; ".join(filter(None, found))
    if isinstance(value, dict):
        for name in _MESSAGES:
            if words := _words(value.get(name), depth + 1):
                return words
    return ""
