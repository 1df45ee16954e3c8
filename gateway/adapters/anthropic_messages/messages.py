"""A conversation as the protocol wants it: system apart, turns that alternate."""

import base64
import binascii
import re
import zlib
from collections.abc import Iterable
from typing import Any

import orjson

from gateway.adapters.anthropic_messages.wire import NAME
from gateway.canonical import (
    Audio,
    File,
    Image,
    Message,
    Part,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
)
from gateway.types import JSON

_GOOD_ID = re.compile(r"[a-zA-Z0-9_-]+")
_BAD_ID_CHARACTERS = re.compile(r"[^a-zA-Z0-9_-]")

# The first turn must be the user's.
_OPENING: JSON = {"type": "text", "text": "(The assistant opens the conversation.)"}

# More marks than these are refused.
_MAX_CACHE_MARKS = 4


def build_conversation(
    messages: Iterable[Message], dropped: list[str]
) -> tuple[list[JSON], list[JSON]]:
    """Return the system blocks and the turns.

    System messages that come later stand in their place as the user's, for not every
    model takes them there. What cannot be said is added to `dropped`.
    """
    remaining = list(messages)
    system: list[JSON] = []
    while remaining and remaining[0].role == "system":
        system.extend(_blocks(remaining.pop(0).parts, dropped))
    turns: list[tuple[str, list[JSON]]] = []
    for message in remaining:
        blocks = _blocks(message.parts, dropped)
        role = "assistant" if message.role == "assistant" else "user"
        if not blocks:
            continue
        if turns and turns[-1][0] == role:
            turns[-1][1].extend(blocks)
        else:
            turns.append((role, blocks))
    if not turns and system:
        turns, system = [("user", system)], []
    if turns and turns[0][0] == "assistant":
        turns.insert(0, ("user", [_OPENING]))
    return system, [
        {"role": role, "content": sorted(blocks, key=_results_first)}
        for role, blocks in turns
    ]


def limit_cache_marks(blocks: Iterable[JSON]) -> None:
    """Take the marks off all blocks but the last few that are marked."""
    marked = [block for block in blocks if "cache_control" in block]
    for block in marked[:-_MAX_CACHE_MARKS]:
        del block["cache_control"]


def _results_first(block: JSON) -> bool:
    """Tool results stand before anything else that the user says."""
    return bool(block["type"] != "tool_result")


def _blocks(parts: Iterable[Part], dropped: list[str]) -> list[JSON]:
    blocks: list[JSON] = []
    for part in parts:
        if isinstance(part, Audio):
            if "audio" not in dropped:
                dropped.append("audio")
        elif (block := _block(part, dropped)) is not None:
            if getattr(part, "cached", False):
                block["cache_control"] = {"type": "ephemeral"}
            blocks.append(block)
    return blocks


def _block(part: Part, dropped: list[str]) -> JSON | None:
    """Return the block for a part, None for one that must not be sent."""
    match part:
        case Text(text=text) | Refusal(text=text):
            # Blank text is refused.
            return {"type": "text", "text": text} if text.strip() else None
        case Image():
            return {"type": "image", "source": _image_source(part)}
        case File():
            return _file(part)
        case Reasoning():
            return _thinking(part)
        case ToolCall():
            return {
                "type": "tool_use",
                "id": _tool_id(part.id),
                "name": part.name,
                "input": _input(part.arguments),
            }
        case ToolResult():
            return _tool_result(part, dropped)
        case _:
            return None


def _image_source(image: Image) -> JSON:
    if image.url:
        return {"type": "url", "url": image.url}
    return {"type": "base64", "media_type": image.media_type, "data": image.data}


def _file(file: File) -> JSON:
    if file.media_type.startswith("image/") and not file.file_id:
        image = Image(url=file.url, data=file.data, media_type=file.media_type)
        return {"type": "image", "source": _image_source(image)}
    document: JSON = {"type": "document", "source": _file_source(file)}
    if file.name:
        document["title"] = file.name
    return document


def _file_source(file: File) -> JSON:
    if file.url:
        return {"type": "url", "url": file.url}
    if file.file_id:
        return {"type": "file", "file_id": file.file_id}
    if file.media_type.startswith("text/"):
        try:
            text = base64.b64decode(file.data, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError, ValueError):
            pass
        else:
            return {"type": "text", "media_type": "text/plain", "data": text}
    return {
        "type": "base64",
        "media_type": file.media_type or "application/pdf",
        "data": file.data,
    }


def _thinking(reasoning: Reasoning) -> JSON | None:
    """Return the block only if it is the protocol's own and signed; else it is refused."""
    if reasoning.protocol != NAME:
        return None
    if reasoning.sealed:
        return {"type": "redacted_thinking", "data": reasoning.sealed}
    if reasoning.signature:
        return {
            "type": "thinking",
            "thinking": reasoning.text,
            "signature": reasoning.signature,
        }
    return None


def _tool_id(foreign: str) -> str:
    """Return an id that the protocol accepts; the same for a call and its result."""
    if _GOOD_ID.fullmatch(foreign):
        return foreign
    digest = zlib.crc32(foreign.encode("utf-8", "replace"))
    return f"{_BAD_ID_CHARACTERS.sub('_', foreign)}_{digest:08x}"


def _input(arguments: str) -> JSON:
    try:
        tree: Any = orjson.loads(arguments or "{}")
    except orjson.JSONDecodeError:
        tree = None
    return tree if type(tree) is dict else {"_raw": arguments}


def _tool_result(result: ToolResult, dropped: list[str]) -> JSON:
    block: JSON = {"type": "tool_result", "tool_use_id": _tool_id(result.call_id)}
    if content := _blocks(result.parts, dropped):
        block["content"] = content
    if result.is_error:
        block["is_error"] = True
    return block
