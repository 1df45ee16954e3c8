"""Pieces that whole and streamed answers share."""

from typing import Any

from gateway.canonical import Citation, Reasoning
from gateway.types import JSON
from usage.tokens import Tokens


def usage_of(tokens: Tokens) -> JSON:
    """Return the usage in OpenAI's words, which count as ours do."""
    return {
        "prompt_tokens": tokens.input,
        "completion_tokens": tokens.output,
        "total_tokens": tokens.input + tokens.output,
        "prompt_tokens_details": {
            "cached_tokens": tokens.cache_read,
            "cache_write_tokens": tokens.cache_write,
            "audio_tokens": tokens.other.get("audio_in", 0),
        },
        "completion_tokens_details": {
            "reasoning_tokens": tokens.reasoning,
            "audio_tokens": tokens.other.get("audio_out", 0),
        },
    }


def annotation_of(citation: Citation) -> JSON:
    """Return a source as the client's types want it: the offsets are always numbers."""
    source: dict[str, Any] = {
        "url": citation.url,
        "title": citation.title,
        "start_index": max(citation.start, 0),
        "end_index": max(citation.end, 0),
    }
    if citation.text:
        source["content"] = citation.text
    return {"type": "url_citation", "url_citation": source}


def detail_of(reasoning: Reasoning, index: int) -> JSON:
    """Return signed or sealed reasoning in the shape in which clients hand it back."""
    detail: dict[str, Any] = {
        "type": "reasoning.encrypted" if reasoning.sealed else "reasoning.text",
        "format": reasoning.protocol,
        "index": index,
    }
    if reasoning.text:
        detail["text"] = reasoning.text
    if reasoning.signature:
        detail["signature"] = reasoning.signature
    if reasoning.sealed:
        detail["data"] = reasoning.sealed
    return detail


def extra_content_of(signature: str) -> JSON:
    """Return the signature of a tool call where Google's clients look for it."""
    return {"google": {"thought_signature": signature}}
