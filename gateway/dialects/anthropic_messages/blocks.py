"""The blocks of an answer."""

import re
from typing import Any

import orjson

from gateway.canonical import Citation, Part, Reasoning, Refusal, Text, ToolCall
from gateway.dialects.anthropic_messages.malformed import NAME
from gateway.types import JSON

_GOOD_ID = re.compile(r"[a-zA-Z0-9_-]+")
_BAD_ID_CHARACTERS = re.compile(r"[^a-zA-Z0-9_-]")


def build_block(part: Part, answer_id: str, number: int) -> JSON | None:
    """Return the block for a part, None for one that this protocol's clients must not see.

    Reasoning needs a signature of this protocol: clients send it back, and the provider
    refuses what it has not signed itself.
    """
    match part:
        case Text(text=text) | Refusal(text=text):
            return {"type": "text", "text": text, "citations": None} if text else None
        case Reasoning(protocol=protocol) if protocol == NAME:
            if part.sealed:
                return {"type": "redacted_thinking", "data": part.sealed}
            if part.signature:
                return {
                    "type": "thinking",
                    "thinking": part.text,
                    "signature": part.signature,
                }
            return None
        case ToolCall():
            return {
                "type": "tool_use",
                "id": tool_id(part.id, answer_id, number),
                "name": part.name,
                "input": tool_input(part.arguments),
            }
        case _:
            return None


def build_citation(citation: Citation, number: int) -> JSON:
    """Return the citation in the one form that needs no seal of the provider."""
    return {
        "type": "search_result_location",
        "cited_text": citation.text,
        "source": citation.url,
        "title": citation.title or None,
        "search_result_index": number,
        "start_block_index": 0,
        "end_block_index": 1,
    }


def tool_id(given: str, answer_id: str, number: int) -> str:
    """Return an id that the protocol accepts when the client sends it back."""
    if _GOOD_ID.fullmatch(given):
        return given
    if not given:
        given = f"toolu_{answer_id}"
    return f"{_BAD_ID_CHARACTERS.sub('_', given)}_{number}"


def tool_input(arguments: str) -> JSON:
    try:
        tree: Any = orjson.loads(arguments or "{}")
    except orjson.JSONDecodeError:
        tree = None
    return tree if type(tree) is dict else {"_raw": arguments}


def message_id(answer_id: str) -> str:
    return f"msg_{answer_id.removeprefix('msg_')}"
