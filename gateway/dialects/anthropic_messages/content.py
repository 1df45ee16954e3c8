"""The blocks that a client sends, as parts."""

import base64
from collections.abc import Iterable
from typing import Any

import orjson

from gateway.body_fields import Malformed
from gateway.canonical import (
    File,
    Image,
    Part,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
)
from gateway.dialects.anthropic_messages.malformed import (
    NAME,
    list_at,
    object_at,
    text_at,
)
from gateway.types import JSON


def parse_content(content: Any, where: str) -> tuple[Part, ...]:
    """Return the parts of a message, tool results first. Raises `Malformed`."""
    if type(content) is str:
        return (Text(content),) if content else ()
    parts: list[Part] = []
    for index, block in enumerate(list_at(content, where)):
        at = f"{where}[{index}]"
        parts.extend(_parts(object_at(block, at), at))
    return tuple(sorted(parts, key=lambda part: not isinstance(part, ToolResult)))


def parse_texts(content: Any, where: str) -> tuple[Text, ...]:
    """Return the text of a system prompt. Raises `Malformed`."""
    texts = tuple(p for p in parse_content(content, where) if isinstance(p, Text))
    if type(content) is list and len(texts) < len(content):
        msg = f"'{where}' may hold text alone."
        raise Malformed(msg, where)
    return texts


def _parts(block: JSON, at: str) -> Iterable[Part]:
    match text_at(block, "type", at):
        case "text":
            return [Text(text_at(block, "text", at), cached=_is_cached(block))]
        case "image":
            return [_image(block, at)]
        case "document":
            return _document(block, at)
        case "search_result":
            return [_search_result(block, at)]
        case "tool_use":
            return [_tool_call(block, at)]
        case "tool_result":
            return _tool_result(block, at)
        case "thinking":
            return [
                Reasoning(
                    text=text_at(block, "thinking", at),
                    signature=text_at(block, "signature", at, default=""),
                    protocol=NAME,
                )
            ]
        case "redacted_thinking":
            return [Reasoning(sealed=text_at(block, "data", at), protocol=NAME)]
        case kind:
            msg = (
                f"A block of type '{kind}' can only be sent to a model whose provider "
                "speaks this protocol; the model that was chosen does not."
            )
            raise Malformed(msg, f"{at}.type")


def _is_cached(block: JSON) -> bool:
    return type(block.get("cache_control")) is dict


def _image(block: JSON, at: str) -> Image:
    at = f"{at}.source"
    source = object_at(block.get("source"), at)
    cached = _is_cached(block)
    match text_at(source, "type", at):
        case "url":
            return Image(url=text_at(source, "url", at), cached=cached)
        case "base64":
            return Image(
                data=text_at(source, "data", at),
                media_type=text_at(source, "media_type", at),
                cached=cached,
            )
        case kind:
            raise _unknown_source(kind, at)


def _document(block: JSON, at: str) -> Iterable[Part]:
    at = f"{at}.source"
    source = object_at(block.get("source"), at)
    name = text_at(block, "title", at, default="")
    cached = _is_cached(block)
    match text_at(source, "type", at):
        case "base64":
            return [
                File(
                    data=text_at(source, "data", at),
                    media_type=text_at(source, "media_type", at),
                    name=name,
                    cached=cached,
                )
            ]
        case "text":
            text = text_at(source, "data", at).encode("utf-8", "replace")
            return [
                File(
                    data=base64.b64encode(text).decode(),
                    media_type="text/plain",
                    name=name,
                    cached=cached,
                )
            ]
        case "url":
            return [
                File(
                    url=text_at(source, "url", at),
                    media_type="application/pdf",
                    name=name,
                    cached=cached,
                )
            ]
        case "file":
            file_id = text_at(source, "file_id", at)
            return [File(file_id=file_id, name=name, cached=cached)]
        case "content":
            return _said(source.get("content"), f"{at}.content")
        case kind:
            raise _unknown_source(kind, at)


def _said(content: Any, where: str) -> list[Text | Image]:
    """Return text and images that stand inside another block."""
    if type(content) is str:
        return [Text(content)] if content else []
    said: list[Text | Image] = []
    for part in parse_content(content, where):
        if not isinstance(part, Text | Image):
            msg = f"'{where}' may hold text and images alone."
            raise Malformed(msg, where)
        said.append(part)
    return said


def _search_result(block: JSON, at: str) -> Text:
    """Return a search result as text; no other protocol has a block for it."""
    told = [text_at(block, "title", at, default=""), text_at(block, "source", at)]
    where = f"{at}.content"
    told += (text.text for text in parse_texts(block.get("content"), where))
    return Text("\n".join(filter(None, told)), cached=_is_cached(block))


def _tool_call(block: JSON, at: str) -> ToolCall:
    given = block.get("input")
    try:
        arguments = orjson.dumps({} if given is None else object_at(given, at)).decode()
    except TypeError as error:
        msg = f"'{at}.input' is nested too deeply."
        raise Malformed(msg, f"{at}.input") from error
    return ToolCall(
        id=text_at(block, "id", at),
        name=text_at(block, "name", at),
        arguments=arguments,
        cached=_is_cached(block),
    )


def _tool_result(block: JSON, at: str) -> list[Part]:
    """Return the result, and beside it what a result elsewhere cannot hold."""
    content = block.get("content")
    parts = () if content is None else parse_content(content, f"{at}.content")
    return [
        ToolResult(
            call_id=text_at(block, "tool_use_id", at),
            parts=tuple(part for part in parts if isinstance(part, Text | Image)),
            is_error=block.get("is_error") is True,
            cached=_is_cached(block),
        ),
        *(part for part in parts if not isinstance(part, Text | Image)),
    ]


def _unknown_source(kind: str, at: str) -> Malformed:
    msg = (
        f"A source of type '{kind}' can only be sent to a model whose provider speaks "
        "this protocol; send the content itself, or its address."
    )
    return Malformed(msg, f"{at}.type")
