"""A conversation as the protocol wants it: system apart, turns that alternate."""

from collections.abc import Iterable
from typing import Any

import orjson

from gateway.adapters.bedrock_converse.families import Family
from gateway.adapters.bedrock_converse.names import tool_id, tool_name
from gateway.adapters.bedrock_converse.parts import (
    audio_block,
    document_block,
    image_block,
)
from gateway.adapters.bedrock_converse.wire import NAME
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

CACHE_POINT: JSON = {"cachePoint": {"type": "default"}}

# The first turn must be the user's, and a document never comes without words.
_OPENING: JSON = {"text": "(The assistant opens the conversation.)"}
_ENCLOSED: JSON = {"text": "(A document is enclosed.)"}

_MAX_CACHE_POINTS = 4
_WORDS = {Image: "image", Audio: "audio", File: "file"}


class Conversation:
    """Reads messages into system blocks and turns.

    System messages that come later stand in their place as the user's. What cannot be
    said is added to `dropped`.
    """

    def __init__(self, family: Family, dropped: list[str]) -> None:
        self._family = family
        self._dropped = dropped
        self._titles: set[str] = set()
        self.system: list[JSON] = []
        self.turns: list[JSON] = []

    def read(self, messages: Iterable[Message]) -> None:
        remaining = list(messages)
        while remaining and remaining[0].role == "system":
            self.system += self._blocks(remaining.pop(0).parts)
        for message in remaining:
            blocks = self._blocks(message.parts)
            role = "assistant" if message.role == "assistant" else "user"
            if not blocks:
                continue
            if self.turns and self.turns[-1]["role"] == role:
                self.turns[-1]["content"] += blocks
            else:
                self.turns.append({"role": role, "content": blocks})
        if not self.turns and self.system:
            self.turns.append({"role": "user", "content": self.system})
            self.system = []
        if self.turns and self.turns[0]["role"] == "assistant":
            self.turns.insert(0, {"role": "user", "content": [_OPENING]})
        for turn in self.turns:
            # Tool results stand before anything else that the user says.
            turn["content"].sort(key=lambda block: "toolResult" not in block)
            kinds = {kind for block in turn["content"] for kind in block}
            if "document" in kinds and "text" not in kinds:
                turn["content"].append(_ENCLOSED)

    def _blocks(self, parts: Iterable[Part]) -> list[JSON]:
        blocks: list[JSON] = []
        for part in parts:
            if (block := self._block(part)) is None:
                word = _WORDS.get(type(part))
                if word is not None and word not in self._dropped:
                    self._dropped.append(word)
                continue
            blocks.append(block)
            if self._family.caches and getattr(part, "cached", False):
                blocks.append(CACHE_POINT)
        return blocks

    def _block(self, part: Part) -> JSON | None:
        """Return the block for a part, None for one that is not sent."""
        match part:
            case Text(text=text) | Refusal(text=text):
                # Blank text is refused.
                return {"text": text} if text.strip() else None
            case Image():
                return image_block(part)
            case Audio():
                return audio_block(part) if self._family.hears else None
            case File():
                return document_block(part, self._titles)
            case Reasoning():
                return _reasoning(part)
            case ToolCall():
                call = {
                    "toolUseId": tool_id(part.id),
                    "name": tool_name(part.name),
                    "input": _input(part.arguments),
                }
                return {"toolUse": call}
            case ToolResult():
                result: JSON = {
                    "toolUseId": tool_id(part.call_id),
                    "content": [
                        block
                        for block in self._blocks(part.parts)
                        if block is not CACHE_POINT
                    ],
                }
                if part.is_error:
                    result["status"] = "error"
                return {"toolResult": result}


def limit_cache_points(*lists: list[JSON]) -> None:
    """Take away all points but the last few."""
    excess = sum(blocks.count(CACHE_POINT) for blocks in lists) - _MAX_CACHE_POINTS
    for blocks in lists:
        while excess > 0 and CACHE_POINT in blocks:
            blocks.remove(CACHE_POINT)
            excess -= 1


def _reasoning(reasoning: Reasoning) -> JSON | None:
    """Return the block only if it is the protocol's own and signed; else it is refused."""
    if reasoning.protocol != NAME:
        return None
    if reasoning.sealed:
        return {"reasoningContent": {"redactedContent": reasoning.sealed}}
    if reasoning.signature:
        said = {"text": reasoning.text, "signature": reasoning.signature}
        return {"reasoningContent": {"reasoningText": said}}
    return None


def _input(arguments: str) -> JSON:
    try:
        tree: Any = orjson.loads(arguments or "{}")
    except orjson.JSONDecodeError:
        tree = None
    return tree if type(tree) is dict else {"_raw": arguments}
