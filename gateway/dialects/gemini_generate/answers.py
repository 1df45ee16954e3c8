"""The pieces that whole and streamed answers are made of."""

from collections.abc import Iterable

import orjson

from gateway.canonical import (
    Audio,
    Citation,
    File,
    FinishReason,
    Image,
    Part,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
)
from gateway.dialects.gemini_generate.protocol import NAME
from gateway.types import JSON
from usage.tokens import Tokens

FINISH_REASONS: dict[FinishReason, str] = {
    "stop": "STOP",
    # Google's clients know a call by its part, not by how the answer ended.
    "tool_calls": "STOP",
    "length": "MAX_TOKENS",
    "content_filter": "SAFETY",
}
_AUDIO_TYPES = {"mp3": "audio/mpeg", "pcm16": "audio/L16;codec=pcm;rate=24000"}


def parts_of(part: Part) -> list[JSON]:
    """Return the part as this dialect says it; none for what it cannot."""
    match part:
        case Text(text=text) | Refusal(text=text):
            return [{"text": text}] if text else []
        case Reasoning(text=text, signature=signature, protocol=protocol):
            return thought(text, signature if protocol == NAME else "")
        case ToolCall():
            return [call(part.id, part.name, part.arguments, part.signature)]
        case ToolResult():
            return []
        case _:
            return _media(part)


def thought(text: str, signature: str) -> list[JSON]:
    if not text and not signature:
        return []
    said: JSON = {"text": text}
    if text:
        said["thought"] = True
    if signature:
        said["thoughtSignature"] = signature
    return [said]


def call(call_id: str, name: str, arguments: str, signature: str) -> JSON:
    try:
        args = orjson.loads(arguments or "{}")
    except orjson.JSONDecodeError:
        args = arguments
    said: JSON = {
        "name": name,
        "args": args if type(args) is dict else {"arguments": args},
    }
    if call_id:
        said["id"] = call_id
    part: JSON = {"functionCall": said}
    if signature:
        part["thoughtSignature"] = signature
    return part


def _media(part: Image | Audio | File) -> list[JSON]:
    if isinstance(part, Audio):
        kind = _AUDIO_TYPES.get(part.format, f"audio/{part.format}")
        return [{"inlineData": {"mimeType": kind, "data": part.data}}]
    if part.data:
        return [{"inlineData": {"mimeType": part.media_type, "data": part.data}}]
    if address := part.url or (part.file_id if isinstance(part, File) else ""):
        return [{"fileData": {"mimeType": part.media_type, "fileUri": address}}]
    return []


def usage_of(tokens: Tokens) -> JSON:
    """Return the usage in Google's words: thoughts are counted apart from the answer."""
    usage: JSON = {
        "promptTokenCount": tokens.input,
        "candidatesTokenCount": max(tokens.output - tokens.reasoning, 0),
        "totalTokenCount": tokens.input + tokens.output,
    }
    if tokens.cache_read:
        usage["cachedContentTokenCount"] = tokens.cache_read
    if tokens.reasoning:
        usage["thoughtsTokenCount"] = tokens.reasoning
    for name, key, total in (
        ("audio_in", "promptTokensDetails", tokens.input),
        ("audio_out", "candidatesTokensDetails", tokens.output - tokens.reasoning),
    ):
        if audio := tokens.other.get(name, 0):
            usage[key] = [
                {"modality": "TEXT", "tokenCount": max(total - audio, 0)},
                {"modality": "AUDIO", "tokenCount": audio},
            ]
    return usage


def grounding_of(citations: Iterable[Citation], text: str) -> JSON:
    """Return sources as search results that the answer is grounded in.

    Each source once; offsets count the bytes of the text.
    """
    numbers: dict[tuple[str, str], int] = {}
    supports: list[JSON] = []
    for citation in citations:
        source = (citation.url, citation.title)
        number = numbers.setdefault(source, len(numbers))
        if 0 <= citation.start <= citation.end:
            segment = {
                "startIndex": _bytes(text, citation.start),
                "endIndex": _bytes(text, citation.end),
                "text": citation.text or text[citation.start : citation.end],
            }
            supports.append({"segment": segment, "groundingChunkIndices": [number]})
    return {
        "groundingChunks": [
            {"web": {"uri": url, "title": title}} for url, title in numbers
        ],
        **({"groundingSupports": supports} if supports else {}),
    }


def _bytes(text: str, offset: int) -> int:
    return offset if text.isascii() else len(text[:offset].encode("utf-8", "replace"))
