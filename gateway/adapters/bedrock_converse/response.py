"""Whole answers."""

from typing import Any

import msgspec
import orjson

from gateway.adapters.bedrock_converse.citations import citation_of
from gateway.adapters.bedrock_converse.errors import error_code
from gateway.adapters.bedrock_converse.finish import finish_reason_of, malformed
from gateway.adapters.bedrock_converse.names import original_name
from gateway.adapters.bedrock_converse.usage import tokens_of
from gateway.adapters.bedrock_converse.wire import NAME, list_of
from gateway.adapters.reading import Unreadable, arguments_of, object_of, text_of
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

_ABSENT = msgspec.Raw(b"null")
_BROKEN = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class _Message(msgspec.Struct):
    content: list[msgspec.Raw] = []


class _Output(msgspec.Struct):
    message: _Message | None = None


class _Reply(msgspec.Struct):
    output: _Output | None = None
    stopReason: Any = None  # noqa: N815
    usage: Any = None


class _ToolUse(msgspec.Struct):
    """A call. `input` stays the text that the provider wrote."""

    toolUseId: Any = None  # noqa: N815
    name: Any = None
    input: msgspec.Raw = _ABSENT


class _Block(msgspec.Struct):
    """A block of any kind: the member that is there says which."""

    text: Any = None
    reasoningContent: Any = None  # noqa: N815
    citationsContent: Any = None  # noqa: N815
    toolUse: _ToolUse | None = None  # noqa: N815


_decode_reply = msgspec.json.Decoder(_Reply).decode
_decode_block = msgspec.json.Decoder(_Block).decode


def parse_response(body: bytes) -> UpstreamReply | UpstreamFault:
    """Read a 200 answer. A fault is an error that the provider hid in it."""
    reply = _read(body)
    if reply.output is None and _is_error(body):
        return error_code(body)
    _content(reply)
    if (fault := malformed(reply.stopReason)) is not None:
        return fault
    return UpstreamReply(
        body=body,
        tokens=tokens_of(reply.usage),
        finish_reason=finish_reason_of(reply.stopReason),
    )


def parse_result(body: bytes) -> ChatResult:
    """Read a 200 answer whole. Blocks of kinds that we do not know are left out."""
    reply = _read(body)
    parts: list[Part] = []
    citations: list[Citation] = []
    length = 0
    for raw in _content(reply):
        block = _read_block(raw)
        for part in _parts(block):
            parts.append(part)
            if isinstance(part, Text):
                start, length = length, length + len(part.text)
                cited = list_of(object_of(block.citationsContent).get("citations"))
                citations += [citation_of(one, start, length) for one in cited]
    return ChatResult(
        choices=(
            Choice(
                parts=tuple(parts), finish_reason=finish_reason_of(reply.stopReason)
            ),
        ),
        tokens=tokens_of(reply.usage),
        citations=tuple(citations),
    )


def _is_error(body: bytes) -> bool:
    try:
        tree = object_of(orjson.loads(body))
    except orjson.JSONDecodeError:
        return False
    return not {"message", "Message", "__type"}.isdisjoint(tree)


def _content(reply: _Reply) -> list[msgspec.Raw]:
    if reply.output is None or reply.output.message is None:
        msg = "The answer holds no message."
        raise Unreadable(msg)
    return reply.output.message.content


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


def _parts(block: _Block) -> list[Part]:
    if block.toolUse is not None:
        call = block.toolUse
        return [
            ToolCall(
                id=text_of(call.toolUseId),
                name=original_name(text_of(call.name)),
                arguments=arguments_of(call.input),
            )
        ]
    if block.reasoningContent is not None:
        return [_reasoning(object_of(block.reasoningContent))]
    text = text_of(block.text)
    if block.citationsContent is not None:
        pieces = list_of(object_of(block.citationsContent).get("content"))
        text += "".join(text_of(object_of(piece).get("text")) for piece in pieces)
    return [Text(text)] if text else []


def _reasoning(content: JSON) -> Reasoning:
    said = object_of(content.get("reasoningText"))
    return Reasoning(
        text=text_of(said.get("text")),
        signature=text_of(said.get("signature")),
        sealed=text_of(content.get("redactedContent")),
        protocol=NAME,
    )
