"""Conversations of nothing but text: whatever the dialect, they mean the same.

Only a body of which every field is known and read is plain. Anything else is told apart
by its own bytes.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from gateway.canonical import ChatRequest
from gateway.translation import with_defaults
from gateway.types import JSON, InferenceRequest

_ROLES = frozenset({"system", "user", "assistant"})
_GEMINI_ROLES = frozenset({"user", "model"})
_OPENAI = frozenset(
    {
        "model",
        "messages",
        "stream",
        "stream_options",
        "max_tokens",
        "max_completion_tokens",
        "temperature",
        "top_p",
        "stop",
        "user",
        "safety_identifier",
        "metadata",
    }
)
_ANTHROPIC = frozenset(
    {
        "model",
        "messages",
        "system",
        "max_tokens",
        "stream",
        "temperature",
        "top_p",
        "stop_sequences",
        "metadata",
    }
)
_GEMINI = frozenset({"contents", "systemInstruction", "generationConfig"})
_GENERATION = frozenset({"temperature", "topP", "maxOutputTokens", "stopSequences"})
_OWN = frozenset(
    {
        "prompt",
        "messages",
        "systemPrompt",
        "temperature",
        "maxTokens",
        "model",
        "userId",
        "feature",
        "featureId",
        "priority",
        "cache",
    }
)
# Which shape the answer is to have; every client of that protocol says so.
_SHAPE = "anthropic-version"


def is_plain(request: InferenceRequest) -> bool:
    """Say whether the body means the same in another dialect."""
    check = _CHECKS.get(request.dialect)
    return (
        check is not None
        and request.operation == "chat"
        and all(name == _SHAPE for name, _ in request.forwarded)
        and check(request.body)
    )


def meaning_of(canonical: ChatRequest, assumed: Mapping[str, Any]) -> ChatRequest:
    """Return the request without what does not change its answer."""
    if assumed:
        canonical = with_defaults(canonical, assumed)
    return msgspec.structs.replace(
        canonical, stream=False, end_user="", metadata={}, protocol=""
    )


def _is_plain_openai(body: JSON) -> bool:
    return (
        body.keys() <= _OPENAI
        and not ("max_tokens" in body and "max_completion_tokens" in body)
        and _is_plain_talk(body["messages"])
    )


def _is_plain_anthropic(body: JSON) -> bool:
    return (
        body.keys() <= _ANTHROPIC
        and type(body.get("system", "")) is str
        and _is_plain_talk(body["messages"])
    )


def _is_plain_own(body: JSON) -> bool:
    return body.keys() <= _OWN and _is_plain_talk(body.get("messages") or [])


def _is_plain_gemini(body: JSON) -> bool:
    settings = body.get("generationConfig", {})
    system = body.get("systemInstruction")
    return (
        body.keys() <= _GEMINI
        and type(settings) is dict
        and settings.keys() <= _GENERATION
        and (system is None or _is_plain_content(system))
        and all(_is_plain_content(each) for each in body["contents"])
    )


def _is_plain_talk(messages: list[Any]) -> bool:
    return all(
        type(message) is dict
        and message.keys() == {"role", "content"}
        and message["role"] in _ROLES
        and (type(message["content"]) is str or _are_texts(message["content"]))
        for message in messages
    )


def _are_texts(parts: Any) -> bool:
    return type(parts) is list and all(
        type(part) is dict
        and part.keys() == {"type", "text"}
        and part["type"] == "text"
        and type(part["text"]) is str
        for part in parts
    )


def _is_plain_content(content: Any) -> bool:
    return (
        type(content) is dict
        and content.keys() <= {"role", "parts"}
        and content.get("role", "user") in _GEMINI_ROLES
        and type(content.get("parts")) is list
        and all(
            type(part) is dict and part.keys() == {"text"} and type(part["text"]) is str
            for part in content["parts"]
        )
    )


_CHECKS: dict[str, Callable[[JSON], bool]] = {
    "openai_chat": _is_plain_openai,
    "anthropic_messages": _is_plain_anthropic,
    "gemini_generate": _is_plain_gemini,
    "signalbox": _is_plain_own,
}
