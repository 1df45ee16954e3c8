"""What only its own protocol can read, in the member that clients hand back unread.

Signatures of other protocols travel in a reasoning item's `encrypted_content`, marked
as ours. What is not marked is OpenAI's own, which cannot be opened without its id.
"""

import base64
import binascii
from typing import Any

import orjson

from gateway.canonical import Reasoning
from gateway.dialects.openai_responses.protocol import NAME
from gateway.types import JSON

MARK = "signalbox-seal."


def seal_of(reasoning: Reasoning) -> str:
    """Return the `encrypted_content` that tells whose the reasoning is."""
    if reasoning.protocol == NAME:
        return _members(reasoning.sealed.encode()).get("encrypted_content", "")
    return _packed(
        {
            "protocol": reasoning.protocol,
            "signature": reasoning.signature,
            "sealed": reasoning.sealed,
        }
    )


def seal_of_call(call_id: str, signature: str) -> str:
    """Return the `encrypted_content` that keeps the signature of a tool call."""
    return _packed({"call_id": call_id, "signature": signature})


def opened(item_id: str, content: str, text: str) -> Reasoning | tuple[str, str] | None:
    """Return reasoning, or a call's id with its signature; None when nothing is left.

    `content` and `text` are what the item holds encrypted, and what it shows.
    """
    if not content.startswith(MARK):
        sealed = {"id": item_id, "encrypted_content": content}
        told = Reasoning(
            text=text,
            sealed=orjson.dumps(sealed).decode() if content else "",
            protocol=NAME,
        )
        return told if text or content else None
    held = _unpacked(content)
    if call_id := held.get("call_id"):
        return call_id, held.get("signature", "")
    told = Reasoning(
        text=text,
        signature=held.get("signature", ""),
        sealed=held.get("sealed", ""),
        protocol=held.get("protocol", ""),
    )
    return told if text or told.signature or told.sealed else None


def without_ours(items: list[JSON]) -> list[JSON]:
    """Return the items without those that OpenAI could not open."""
    return [item for item in items if not _is_ours(item)]


def _is_ours(item: JSON) -> bool:
    content = item.get("encrypted_content")
    return type(content) is str and content.startswith(MARK)


def _packed(held: dict[str, str]) -> str:
    told = orjson.dumps({name: value for name, value in held.items() if value})
    return MARK + base64.urlsafe_b64encode(told).decode()


def _unpacked(content: str) -> dict[str, str]:
    """Return what was packed, as far as it is still whole."""
    try:
        return _members(base64.urlsafe_b64decode(content[len(MARK) :].encode()))
    except (binascii.Error, ValueError):
        return {}


def _members(told: bytes) -> dict[str, str]:
    try:
        held: Any = orjson.loads(told)
    except orjson.JSONDecodeError:
        return {}
    if type(held) is not dict:
        return {}
    return {name: value for name, value in held.items() if type(value) is str}
