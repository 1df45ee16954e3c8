"""What an answer says, in words, whatever dialect it is written in."""

from typing import Any

import orjson

from gateway.adapters.reading import Unreadable
from gateway.canonical import (
    ChatResult,
    Refusal,
    RefusalDelta,
    Text,
    TextDelta,
    ToolArgumentsDelta,
    ToolCall,
    ToolCallBegan,
)
from gateway.protocols import ADAPTERS
from gateway.translation import Parser
from gateway.types import StreamFault

_SHOWN_NUMBERS = 6
_BAD = 400


class AnswerReader:
    """Reads one answer, whole or event by event. What it cannot read it leaves out."""

    def __init__(self, dialect: str, operation: str) -> None:
        self._adapter = ADAPTERS.get(dialect)
        self._operation = operation
        self._parser: Parser | None = None
        if self._adapter is not None and hasattr(self._adapter, "StreamParser"):
            self._parser = self._adapter.StreamParser()

    def read_events(self, events: bytes) -> str:
        """Return the words of whole events."""
        if self._parser is None:
            return _own_words(events)
        try:
            return "".join(map(_words, self._parser.read(events)))
        except StreamFault as fault:
            return f"\n[{fault.fault.message}]"
        except (Unreadable, ValueError):
            return ""

    def read_whole(self, body: bytes, status: int, content_type: str) -> str:
        if "json" not in content_type:
            return f"{content_type or 'no content type'}, {len(body):,} bytes"
        try:
            told = orjson.loads(body)
        except orjson.JSONDecodeError:
            return ""
        if status >= _BAD:
            return _refusal(told)
        if self._adapter is not None and self._operation in {"chat", "responses"}:
            try:
                return _said(self._adapter.parse_result(body))
            except (Unreadable, ValueError):
                return ""
        return _summary(told, self._operation)


def _words(chunk: Any) -> str:
    match chunk:
        case TextDelta() | RefusalDelta() | ToolArgumentsDelta():
            return str(chunk.text)
        case ToolCallBegan():
            return f"\n[calls {chunk.name}] "
    return ""


def _said(result: ChatResult) -> str:
    said = []
    for choice in result.choices:
        for part in choice.parts:
            if isinstance(part, Text | Refusal):
                said.append(part.text)
            elif isinstance(part, ToolCall):
                said.append(f"\n[calls {part.name}] {part.arguments}")
    return "".join(said)


def _own_words(events: bytes) -> str:
    """Read events of our own dialect."""
    said = []
    for event in events.split(b"\n\n"):
        head, _, data = event.partition(b"\ndata: ")
        if head not in {b"event: delta", b"event: error"}:
            continue
        try:
            told = orjson.loads(data)
        except orjson.JSONDecodeError:
            continue
        is_delta = head.endswith(b"delta")
        said.append(told.get("content", "") if is_delta else f"\n[{_refusal(told)}]")
    return "".join(said)


def _refusal(told: Any) -> str:
    error = told.get("error") if isinstance(told, dict) else None
    if isinstance(error, dict):
        return str(error.get("message") or "")
    return ""


def _summary(told: Any, operation: str) -> str:
    if not isinstance(told, dict):
        return ""
    if isinstance(content := told.get("content"), str):
        return content
    lines: list[str] = []
    match operation:
        case "embeddings":
            lines = [_vector(each.get("embedding")) for each in _items(told, "data")]
        case "moderation":
            lines = [_judgement(each) for each in _items(told, "results")]
        case "rerank":
            lines = [
                f"{place}. document {each.get('index')}: {each.get('relevance_score')}"
                for place, each in enumerate(_items(told, "results"), start=1)
            ]
        case "images":
            lines = [_image(each) for each in _items(told, "data")]
    return "\n".join(lines)


def _items(told: dict[str, Any], name: str) -> list[dict[str, Any]]:
    items = told.get(name)
    if not isinstance(items, list):
        return []
    return [each for each in items if isinstance(each, dict)]


def _vector(numbers: Any) -> str:
    if not isinstance(numbers, list):
        return "a vector in base64"
    begin = ", ".join(f"{number:.4g}" for number in numbers[:_SHOWN_NUMBERS])
    return f"{len(numbers)} dimensions: {begin}, …"


def _judgement(told: dict[str, Any]) -> str:
    found = told.get("categories")
    flagged = (
        [n for n, holds in found.items() if holds] if isinstance(found, dict) else []
    )
    return f"flagged: {', '.join(flagged)}" if flagged else "nothing flagged"


def _image(told: dict[str, Any]) -> str:
    if isinstance(url := told.get("url"), str):
        return url
    encoded = told.get("b64_json")
    return f"an image, {len(encoded) * 3 // 4:,} bytes" if encoded else "an image"
