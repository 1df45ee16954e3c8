"""A whole answer as a chat completion."""

from collections.abc import Iterable

import orjson

from gateway.canonical import (
    ChatResult,
    Choice,
    Citation,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
)
from gateway.dialects.openai_chat.answers import (
    annotation_of,
    detail_of,
    extra_content_of,
    usage_of,
)
from gateway.types import JSON


def build_response(
    result: ChatResult, answer_id: str, created: int, model: str
) -> bytes:
    first = min((choice.index for choice in result.choices), default=0)
    answer: JSON = {
        "id": answer_id,
        "object": "chat.completion",
        "created": created,
        "model": model,
        "choices": [
            _choice(choice, result.citations if choice.index == first else ())
            for choice in result.choices
        ],
    }
    if result.tokens is not None:
        answer["usage"] = usage_of(result.tokens)
    return orjson.dumps(answer)


def _choice(choice: Choice, citations: Iterable[Citation]) -> JSON:
    parts = choice.parts
    text = "".join(part.text for part in parts if isinstance(part, Text))
    refusal = "".join(part.text for part in parts if isinstance(part, Refusal))
    calls = [_call(part) for part in parts if isinstance(part, ToolCall)]
    message: JSON = {
        "role": "assistant",
        "content": text if text or not (calls or refusal) else None,
        "refusal": refusal or None,
    }
    if annotations := [annotation_of(citation) for citation in citations]:
        message["annotations"] = annotations
    message.update(_reasoning([p for p in parts if isinstance(p, Reasoning)]))
    if calls:
        message["tool_calls"] = calls
    return {
        "index": choice.index,
        "message": message,
        "logprobs": choice.logprobs,
        "finish_reason": choice.finish_reason,
    }


def _call(call: ToolCall) -> JSON:
    written: JSON = {
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": call.arguments},
    }
    if call.signature:
        written["extra_content"] = extra_content_of(call.signature)
    return written


def _reasoning(thoughts: list[Reasoning]) -> JSON:
    fields: JSON = {}
    if text := "".join(thought.text for thought in thoughts):
        fields["reasoning_content"] = text
    if any(thought.signature or thought.sealed for thought in thoughts):
        fields["reasoning_details"] = [
            detail_of(thought, index) for index, thought in enumerate(thoughts)
        ]
    return fields
