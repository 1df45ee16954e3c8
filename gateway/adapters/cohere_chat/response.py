"""Whole answers."""

from typing import Any

from gateway.adapters.cohere_chat.content import (
    arguments_of,
    breakdown_of,
    citations_of,
    finish_reason_of,
    logprobs_of,
)
from gateway.adapters.cohere_chat.errors import fault_of
from gateway.adapters.cohere_chat.names import read_name
from gateway.adapters.cohere_chat.usage import tokens_of
from gateway.adapters.cohere_chat.wire import NAME, object_of
from gateway.adapters.reading import Unreadable, loads, objects_of, text_of
from gateway.canonical import (
    ChatResult,
    Choice,
    Citation,
    Part,
    Reasoning,
    Text,
    ToolCall,
)
from gateway.types import JSON, UpstreamFault, UpstreamReply


def parse_response(body: bytes) -> UpstreamReply | UpstreamFault:
    """Read a 200 answer. A fault is an error that the provider hid in it."""
    tree = loads(body, "The answer")
    message = tree.get("message")
    if type(message) is str or (message is None and tree.get("error")):
        return fault_of(tree)
    _message(tree)
    if (fault := breakdown_of(tree)) is not None:
        return fault
    return UpstreamReply(
        body=body,
        tokens=tokens_of(tree.get("usage")),
        finish_reason=finish_reason_of(tree.get("finish_reason"), has_calls=False),
    )


def parse_result(body: bytes) -> ChatResult:
    """Read a 200 answer whole. Items of types that we do not know are left out."""
    tree = loads(body, "The answer")
    message = _message(tree)
    parts: list[Part] = []
    starts: dict[int, int] = {}
    length = 0
    for index, item in enumerate(_content(message)):
        if text := text_of(item.get("text")):
            starts[index] = length
            length += len(text)
            parts.append(Text(text))
        elif thought := text_of(item.get("thinking")):
            parts.append(Reasoning(thought, protocol=NAME))
    if plan := text_of(message.get("tool_plan")):
        parts.append(Reasoning(plan, protocol=NAME))
    calls = _calls(message)
    citations: dict[Citation, None] = {}
    for cited in objects_of(message.get("citations")):
        citations.update(dict.fromkeys(citations_of(cited, starts)))
    return ChatResult(
        id=text_of(tree.get("id")),
        choices=(
            Choice(
                parts=(*parts, *calls),
                finish_reason=finish_reason_of(
                    tree.get("finish_reason"), has_calls=bool(calls)
                ),
                logprobs=logprobs_of(objects_of(tree.get("logprobs"))),
            ),
        ),
        tokens=tokens_of(tree.get("usage")),
        citations=tuple(citations),
    )


def _message(tree: JSON) -> JSON:
    message: Any = tree.get("message")
    if type(message) is dict:
        return message
    msg = "The answer holds no message."
    raise Unreadable(msg)


def _content(message: JSON) -> list[JSON]:
    content = message.get("content")
    if type(content) is str:
        return [{"text": content}]
    return objects_of(content)


def _calls(message: JSON) -> list[ToolCall]:
    calls: list[ToolCall] = []
    for call in objects_of(message.get("tool_calls")):
        function = object_of(call.get("function"))
        if name := read_name(text_of(function.get("name"))):
            calls.append(
                ToolCall(
                    id=text_of(call.get("id")) or f"{name}_{len(calls)}",
                    name=name,
                    arguments=arguments_of(function) or "{}",
                )
            )
    return calls
