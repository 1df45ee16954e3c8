"""Whole answers."""

from typing import Any

import msgspec

from gateway.adapters.anthropic_messages.citations import citations_of
from gateway.adapters.anthropic_messages.errors import error_code
from gateway.adapters.anthropic_messages.finish import finish_reason_of, refusal_of
from gateway.adapters.anthropic_messages.usage import tokens_of
from gateway.adapters.anthropic_messages.wire import NAME
from gateway.adapters.reading import Unreadable, arguments_of, printable
from gateway.canonical import (
    ChatResult,
    Choice,
    Citation,
    Part,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
)
from gateway.types import UpstreamFault, UpstreamReply

_ABSENT = msgspec.Raw(b"null")
_BROKEN = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class _Reply(msgspec.Struct):
    content: list[msgspec.Raw] | None = None
    type: Any = None
    id: Any = None
    model: Any = None
    stop_reason: Any = None
    stop_sequence: Any = None
    stop_details: Any = None
    usage: Any = None
    error: msgspec.Raw = _ABSENT


class _Block(msgspec.Struct):
    """A block of any type. `input` stays the text that the model wrote."""

    type: str = ""
    text: Any = None
    citations: Any = None
    thinking: Any = None
    signature: Any = None
    data: Any = None
    id: Any = None
    name: Any = None
    input: msgspec.Raw = _ABSENT


_decode_reply = msgspec.json.Decoder(_Reply).decode
_decode_block = msgspec.json.Decoder(_Block).decode


def parse_response(body: bytes) -> UpstreamReply | UpstreamFault:
    """Read a 200 answer. A fault is an error that the provider hid in it."""
    reply = _read(body)
    if reply.type == "error" or (
        reply.content is None and bytes(reply.error) not in {b"null", b'""', b"{}"}
    ):
        return error_code(body)
    if reply.content is None:
        msg = "The answer holds no content."
        raise Unreadable(msg)
    return UpstreamReply(
        body=body,
        tokens=tokens_of(reply.usage),
        reported_model=printable(reply.model),
        finish_reason=finish_reason_of(reply.stop_reason),
    )


def parse_result(body: bytes) -> ChatResult:
    """Read a 200 answer whole. Blocks of types that we do not know are left out."""
    reply = _read(body)
    if reply.content is None:
        msg = "The answer holds no content."
        raise Unreadable(msg)
    parts: list[Part] = []
    citations: list[Citation] = []
    length = 0
    for raw in reply.content:
        block = _read_block(raw)
        if (part := _part(block)) is None:
            continue
        if isinstance(part, Text):
            start, length = length, length + len(part.text)
            citations += citations_of(block.citations, start, length)
        parts.append(part)
    if words := refusal_of(reply.stop_reason, reply.stop_details):
        parts.append(Refusal(words))
    return ChatResult(
        id=_text(reply.id),
        model=printable(reply.model),
        choices=(
            Choice(
                parts=tuple(parts),
                finish_reason=finish_reason_of(reply.stop_reason),
                stop_sequence=_text(reply.stop_sequence),
            ),
        ),
        tokens=tokens_of(reply.usage),
        citations=tuple(citations),
    )


def _read(body: bytes) -> _Reply:
    try:
        return _decode_reply(body)
    except _BROKEN as error:
        msg = "The answer is no message."
        raise Unreadable(msg) from error


def _read_block(raw: msgspec.Raw) -> _Block:
    try:
        return _decode_block(raw)
    except _BROKEN as error:
        msg = "The answer holds a block that is none."
        raise Unreadable(msg) from error


def _part(block: _Block) -> Part | None:
    match block.type:
        case "text":
            return Text(_text(block.text)) if block.text else None
        case "thinking":
            return Reasoning(
                text=_text(block.thinking),
                signature=_text(block.signature),
                protocol=NAME,
            )
        case "redacted_thinking":
            return Reasoning(sealed=_text(block.data), protocol=NAME)
        case "tool_use":
            return ToolCall(
                id=_text(block.id),
                name=_text(block.name),
                arguments=arguments_of(block.input),
            )
        case _:
            return None


def _text(value: Any) -> str:
    if value is None:
        return ""
    if type(value) is str:
        return value
    msg = "The answer holds something else where text belongs."
    raise Unreadable(msg)
