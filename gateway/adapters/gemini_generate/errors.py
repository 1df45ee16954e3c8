"""Google's error bodies: the status names the kind, the details say the rest."""

import re
from typing import Any

from gateway.adapters.gemini_generate.protocol import loads
from gateway.adapters.reading import (
    Unreadable,
    object_of,
    objects_of,
    printable,
    text_of,
)
from gateway.types import JSON, UpstreamFault

_CONTEXT = re.compile(
    r"token count.{0,80}exceed"
    r"|exceeds? the maximum number of (input )?tokens"
    r"|context (window|length).{0,40}exceed|exceed.{0,40}context (window|length)",
    re.IGNORECASE | re.DOTALL,
)
_BAD_KEY = re.compile(r"api key (not valid|expired|not found)", re.IGNORECASE)
_DELAY = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)s")


def error_code(body: bytes) -> UpstreamFault:
    """Read an error body, however the provider wrote it."""
    try:
        tree = loads(body)
    except Unreadable:
        return UpstreamFault("", "The provider answered with an error and no JSON.")
    if type(tree) is list:
        # The streaming method without SSE, and the OpenAI-compatible one, send a list.
        tree = tree[0] if tree else {}
    return fault_of(tree.get("error", tree) if type(tree) is dict else tree)


def fault_of(error: Any) -> UpstreamFault:
    """Read the `error` member, wherever it was found."""
    if type(error) is not dict:
        return UpstreamFault("", text_of(error)[:1000] or "No message.")
    message = text_of(error.get("message"))[:1000] or "No message."
    details = objects_of(error.get("details"))
    status = error.get("code")
    return UpstreamFault(
        code=_code(error, message, details),
        message=message,
        param=_field(details),
        retry_after_s=_delay(details),
        status=status if type(status) is int and 400 <= status < 600 else None,
    )


def _code(error: JSON, message: str, details: list[JSON]) -> str:
    """Return our word where the gateway acts on it, else Google's own."""
    name = text_of(error.get("status"))
    if name in {"INVALID_ARGUMENT", ""}:
        if _BAD_KEY.search(message) or any(
            each.get("reason") in {"API_KEY_INVALID", "API_KEY_EXPIRED"}
            for each in details
        ):
            return "invalid_api_key"
        if _CONTEXT.search(message):
            return "context_length_exceeded"
    if name == "RESOURCE_EXHAUSTED" and any(
        # What is spent for the day is spent, whatever short wait stands beside it.
        "PerDay" in text_of(violation.get("quotaId"))
        for each in details
        for violation in objects_of(each.get("violations"))
    ):
        return "insufficient_quota"
    return printable(name or str(error.get("code") or ""))[:64]


def _field(details: list[JSON]) -> str | None:
    for each in details:
        for violation in objects_of(each.get("fieldViolations")):
            if name := text_of(violation.get("field")):
                return printable(name)[:200]
    return None


def _delay(details: list[JSON]) -> float | None:
    """Return the seconds of `RetryInfo`, written like "17s" or "3.5s"."""
    for each in details:
        if text_of(each.get("@type")).endswith("google.rpc.RetryInfo"):
            delay = each.get("retryDelay")
            if match := _DELAY.fullmatch(text_of(delay)):
                return float(match[1])
            seconds = object_of(delay).get("seconds")
            if type(seconds) is int and seconds >= 0:
                return float(seconds)
    return None
