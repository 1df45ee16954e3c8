"""What a model said, whole: the part of an answer that the dialect knows of."""

from collections.abc import Iterable

import orjson

from gateway.canonical import (
    ChatResult,
    Choice,
    Citation,
    Part,
    Refusal,
    Text,
    ToolCall,
)
from gateway.dialects.openai_chat.answers import extra_content_of
from gateway.types import JSON

_NOTHING = Choice((), "stop")


def build_response(
    result: ChatResult, answer_id: str, created: int, model: str
) -> bytes:
    """Return `content` and how it ended; who gave it for how much is added later."""
    choice = min(result.choices, key=lambda choice: choice.index, default=_NOTHING)
    return orjson.dumps(
        {
            "content": text_of(choice.parts),
            **ending(
                choice.finish_reason,
                [part for part in choice.parts if isinstance(part, ToolCall)],
                result.citations,
            ),
        }
    )


def text_of(parts: Iterable[Part]) -> str:
    """Return what the model said to the user, be it an answer or a refusal."""
    return "".join(part.text for part in parts if isinstance(part, Text | Refusal))


def ending(
    finish_reason: str, calls: Iterable[ToolCall], citations: Iterable[Citation]
) -> JSON:
    """Return how an answer ended; the lists only where there is something in them."""
    said: JSON = {"finishReason": finish_reason}
    if written := [_call(call) for call in calls]:
        said["toolCalls"] = written
    if sources := [{"url": c.url, "title": c.title} for c in citations]:
        said["citations"] = sources
    return said


def _call(call: ToolCall) -> JSON:
    """Return a call in the shape in which `messages` take it back."""
    written: JSON = {
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": call.arguments},
    }
    if call.signature:
        written["extra_content"] = extra_content_of(call.signature)
    return written
