"""Reads Anthropic's messages, and checks what belongs together."""

import re
from typing import Any

import orjson

from gateway.simulator.checks import refuse
from gateway.simulator.models import sees_images
from gateway.simulator.signatures import is_signed
from gateway.simulator.transcript import Turn
from gateway.simulator.types import JSON

SIGNER = "anthropic_messages"
_ID = re.compile(r"[a-zA-Z0-9_-]+")
_PICTURES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
_TAGS = {
    "user": ("text", "image", "document", "search_result", "tool_result"),
    "assistant": ("text", "document", "thinking", "redacted_thinking", "tool_use"),
}


def turns_of(messages: list[Any], model: str, version: str) -> list[Turn]:
    """Return what was said, each tool result in a turn of its own."""
    merged = _merged(messages)
    _check_tool_results(merged)
    turns: list[Turn] = []
    for at, (role, blocks) in enumerate(merged):
        reader = _Reader(model, role, version)
        for number, block in enumerate(blocks):
            reader.read(block, f"messages.{at}.content.{number}")
        turns += [*reader.tool_turns, *reader.own_turn()]
    return turns


def _merged(messages: list[Any]) -> list[tuple[str, list[JSON]]]:
    """Return roles and blocks, neighbours of the same role joined."""
    merged: list[tuple[str, list[JSON]]] = []
    for at, message in enumerate(messages):
        role = message.get("role") if isinstance(message, dict) else None
        if role == "system":
            refuse(
                'messages: Unexpected role "system". The Messages API accepts a '
                'top-level `system` parameter, not "system" as an input message role.'
            )
        if role not in _TAGS:
            refuse(f"messages.{at}.role: Input should be 'user' or 'assistant'")
        content = message.get("content")
        if isinstance(content, str):
            content = [{"type": "text", "text": content}]
        if not isinstance(content, list) or not all(
            isinstance(block, dict) for block in content
        ):
            refuse(f"messages.{at}.content: Input should be a valid list")
        if not content:
            refuse(f"messages.{at}: user messages must have non-empty content")
        if merged and merged[-1][0] == role:
            merged[-1][1].extend(content)
        else:
            merged.append((role, list(content)))
    return merged


def _check_tool_results(merged: list[tuple[str, list[JSON]]]) -> None:
    """Refuse a call without its result right after it, and a result without a call."""
    called: set[str] = set()
    for at, (role, blocks) in enumerate(merged):
        answered = [
            b.get("tool_use_id") for b in blocks if b.get("type") == "tool_result"
        ]
        leading = [b.get("tool_use_id") for b in blocks[: len(answered)]]
        if missing := called - {str(each) for each in leading}:
            refuse(
                f"messages.{at - 1}: `tool_use` ids were found without `tool_result` "
                f"blocks immediately after: {', '.join(sorted(missing))}. Each "
                "`tool_use` block must have a corresponding `tool_result` block in the "
                "next message."
            )
        for number, each in enumerate(answered):
            if each not in called:
                refuse(
                    f"messages.{at}.content.{number}: unexpected `tool_use_id` found "
                    f"in `tool_result` blocks: {each}. Each `tool_result` block must "
                    "have a corresponding `tool_use` block in the previous message."
                )
        if len(answered) > len(set(answered)):
            refuse(f"messages.{at}.content: each tool_use must have a single result.")
        called = {str(b.get("id")) for b in blocks if b.get("type") == "tool_use"}
        called = called if role == "assistant" else set()
    if called:
        refuse(
            f"messages.{len(merged) - 1}: `tool_use` ids were found without "
            f"`tool_result` blocks immediately after: {', '.join(sorted(called))}."
        )


class _Reader:
    """Reads the blocks of one message."""

    def __init__(self, model: str, role: str, version: str) -> None:
        self.model = model
        self.role = role
        self.version = version
        self.texts: list[str] = []
        self.images = 0
        self.others = 0
        self.tool_turns: list[Turn] = []

    def own_turn(self) -> list[Turn]:
        """Return what was said besides tool results, if anything was."""
        if not (self.texts or self.images or self.others):
            return []
        text = " ".join(self.texts)
        return [Turn(self.role, text, self.images, self.others)]

    def read(self, block: JSON, place: str) -> None:
        kind = block.get("type")
        if kind not in _TAGS[self.role]:
            tags = ", ".join(f"'{tag}'" for tag in _TAGS[self.role])
            refuse(
                f"{place}: Input tag '{kind}' found using 'type' does not match any of "
                f"the expected tags: {tags}"
            )
        match kind:
            case "text":
                self.texts.append(self._text(block, place))
            case "image":
                self._check_image(block, place)
                self.images += 1
            case "tool_use":
                self.texts += _call(block, place)
            case "tool_result":
                self._read_result(block, place)
            case "thinking":
                self._check_thinking(block, place)
            case "document" | "search_result":
                if self.role == "assistant" and self.version != "2023-06-01":
                    refuse(f"{place}: `document` blocks are not allowed here")
                self.others += 1
            case _:
                refuse(f"{place}: Invalid `data` in `redacted_thinking` block")

    def _text(self, block: JSON, place: str) -> str:
        text = block.get("text")
        if not isinstance(text, str):
            refuse(f"{place}.text.text: Field required")
        if not text.strip():
            refuse("messages: text content blocks must be non-empty")
        later = self.version != "2023-06-01"
        if later and self.role == "user" and block.get("citations"):
            refuse(f"{place}.text.citations: Extra inputs are not permitted")
        return text

    def _check_image(self, block: JSON, place: str) -> None:
        if not sees_images(self.model):
            refuse(f"{place}: This model does not support image inputs")
        source = block.get("source")
        match source:
            case {"type": "base64", "media_type": kind, "data": str(data)}:
                if kind not in _PICTURES or not data:
                    refuse(
                        f"{place}.image.source.base64.media_type: Input should be "
                        "'image/jpeg', 'image/png', 'image/gif' or 'image/webp'"
                    )
            case {"type": "url", "url": str(_)} | {"type": "file", "file_id": str(_)}:
                pass
            case _:
                refuse(f"{place}.image.source: Field required")

    def _read_result(self, block: JSON, place: str) -> None:
        content = block.get("content")
        if isinstance(content, str):
            self.tool_turns.append(Turn("tool", content))
            return
        inner = _Reader(self.model, "user", self.version)
        for number, each in enumerate(content or []):
            inner.read(each, f"{place}.tool_result.content.{number}")
        text = " ".join(inner.texts)
        self.tool_turns.append(Turn("tool", text, inner.images, inner.others))

    def _check_thinking(self, block: JSON, place: str) -> None:
        thought = block.get("thinking")
        if not isinstance(thought, str) or "signature" not in block:
            missing = "signature" if isinstance(thought, str) else "thinking"
            refuse(f"{place}.thinking.{missing}: Field required")
        if not is_signed(SIGNER, self.model, thought, block["signature"]):
            refuse(f"{place}: Invalid `signature` in `thinking` block")


def _call(block: JSON, place: str) -> list[str]:
    if not isinstance(block.get("id"), str) or not _ID.fullmatch(block["id"]):
        refuse(f"{place}.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'")
    if not isinstance(block.get("input"), dict):
        refuse(f"{place}.tool_use.input: Input should be a valid dictionary")
    return [str(block.get("name", "")), orjson.dumps(block["input"]).decode()]
