"""ElevenLabs's errors, in each of the shapes that they come in."""

from typing import Any

import orjson

from gateway.adapters.reading import Unreadable, printable
from gateway.types import UpstreamFault

# What others know by another name.
_KNOWN_AS = {
    "quota_exceeded": "insufficient_quota",
    "max_character_limit_exceeded": "string_above_max_length",
    "text_too_long": "string_above_max_length",
}


def error_code(body: bytes) -> UpstreamFault:
    """Read an error body, however the provider wrote it."""
    try:
        tree: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        return UpstreamFault("", "The provider answered with an error and no JSON.")
    return fault_of(tree)


def fault_of(tree: Any) -> UpstreamFault:
    detail = tree.get("detail", tree) if isinstance(tree, dict) else tree
    if isinstance(detail, list) and detail:
        return _invalid(detail[0])
    if not isinstance(detail, dict):
        return UpstreamFault("", str(detail)[:1000] or "No message.")
    code = detail.get("code") or detail.get("status") or detail.get("type")
    code = code if isinstance(code, str) else ""
    # The older word says more than some of the newer codes.
    code = _KNOWN_AS.get(str(detail.get("status")), _KNOWN_AS.get(code, code))
    message, param = detail.get("message"), detail.get("param")
    return UpstreamFault(
        code=printable(code)[:64],
        message=(message if isinstance(message, str) and message else "No message.")[
            :1000
        ],
        param=param if isinstance(param, str) else None,
    )


def _invalid(problem: Any) -> UpstreamFault:
    """Read the first of the mistakes that a validation found."""
    if not isinstance(problem, dict):
        return UpstreamFault("", str(problem)[:1000])
    place = problem.get("loc")
    names = [str(name) for name in place[1:]] if isinstance(place, list) else []
    param = ".".join(names)[:200]
    message = problem.get("msg")
    message = message if isinstance(message, str) else "The request is not valid."
    return UpstreamFault(
        code="invalid_request",
        message=(f"{param}: {message}" if param else message)[:1000],
        param=param or None,
    )


def hidden_fault(body: bytes) -> UpstreamFault | None:
    """Return the error that came in place of a sound, if it did.

    Raises `Unreadable` for what begins like one and does not go on so.
    """
    if not body[:16].lstrip().startswith(b'{"'):
        return None
    try:
        return fault_of(orjson.loads(body))
    except orjson.JSONDecodeError as error:
        raise Unreadable("The answer is no sound.") from error
