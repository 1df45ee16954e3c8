"""The lists of models, in the shape of whoever asks."""

from collections.abc import Sequence

from gateway.simulator import elevenlabs
from gateway.simulator.models import reasons
from gateway.simulator.types import JSON, Failure, Head, Refused

_CREATED = 1_790_000_000
_CREATED_AT = "2026-09-21T14:13:20Z"
_LONGEST_INPUT = 128_000
_LONGEST_OUTPUT = 16_384


def list_of(protocol: str, names: Sequence[str], head: Head) -> JSON | list[JSON]:
    """Return one page of the list, as the protocol pages it."""
    match protocol:
        case "elevenlabs":
            return elevenlabs.models(names)
        case "anthropic_messages":
            return _anthropic_page(names, head)
        case "gemini_generate":
            return _gemini_page(names, head)
        case _:
            return {"object": "list", "data": [_openai_model(name) for name in names]}


def model_of(protocol: str, name: str) -> JSON:
    match protocol:
        case "anthropic_messages":
            return _anthropic_model(name)
        case "gemini_generate":
            return _gemini_model(name)
        case _:
            return _openai_model(name)


def _openai_model(name: str) -> JSON:
    return {
        "id": name,
        "object": "model",
        "created": _CREATED,
        "owned_by": "simulator",
    }


def _anthropic_page(names: Sequence[str], head: Head) -> JSON:
    limit = _whole(head, "limit", default=20, most=1000)
    start, end = 0, len(names)
    if (after := head.parameter("after_id")) in names:
        start = names.index(after) + 1
    if (before := head.parameter("before_id")) in names:
        end = names.index(before)
        start = max(start, end - limit)
    page = names[start : min(end, start + limit)]
    return {
        "data": [_anthropic_model(name) for name in page],
        "has_more": start + limit < end if before is None else start > 0,
        "first_id": page[0] if page else None,
        "last_id": page[-1] if page else None,
    }


def _anthropic_model(name: str) -> JSON:
    supported, unsupported = {"supported": True}, {"supported": False}
    thinks = {"supported": reasons(name)}
    return {
        "type": "model",
        "id": name,
        "display_name": name,
        "created_at": _CREATED_AT,
        "max_input_tokens": _LONGEST_INPUT,
        "max_tokens": _LONGEST_OUTPUT,
        "lifecycle": "active",
        "capabilities": {
            "batch": unsupported,
            "image_input": supported,
            "pdf_input": supported,
            "structured_outputs": supported,
            "thinking": {
                **thinks,
                "types": {"adaptive": thinks, "enabled": thinks, "disabled": supported},
            },
        },
    }


def _gemini_page(names: Sequence[str], head: Head) -> JSON:
    size = _whole(head, "pageSize", default=50, most=1000)
    start = _whole(head, "pageToken", default=0, most=len(names))
    page: JSON = {"models": [_gemini_model(n) for n in names[start : start + size]]}
    if start + size < len(names):
        page["nextPageToken"] = str(start + size)
    return page


def _gemini_model(name: str) -> JSON:
    return {
        "name": f"models/{name}",
        "version": "001",
        "displayName": name,
        "description": "A simulated model.",
        "inputTokenLimit": _LONGEST_INPUT,
        "outputTokenLimit": _LONGEST_OUTPUT,
        "supportedGenerationMethods": [
            "generateContent",
            "embedContent",
            "countTokens",
        ],
        "thinking": reasons(name),
    }


def _whole(head: Head, name: str, *, default: int, most: int) -> int:
    text = head.parameter(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdecimal() or int(text[:9]) > most:
        message = f"{name}: Input should be a whole number of at most {most}"
        raise Refused(Failure(400, "invalid", message))
    return int(text)
