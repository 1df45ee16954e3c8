"""Reads Cohere's messages, and checks what belongs together."""

from typing import Any

import orjson

from gateway.simulator.checks import refuse
from gateway.simulator.models import sees_images
from gateway.simulator.transcript import Turn
from gateway.simulator.types import JSON

_ROLES = ("system", "user", "assistant", "tool")


def turns_of(messages: Any, model: str) -> list[Turn]:
    """Return what was said, or refuse in Cohere's own words."""
    if not isinstance(messages, list) or not messages:
        refuse("invalid request: messages must not be empty")
    called: set[str] = set()
    turns: list[Turn] = []
    for at, message in enumerate(messages):
        role = message.get("role") if isinstance(message, dict) else None
        if role not in _ROLES:
            refuse(f"invalid request: messages[{at}].role is not valid")
        if role == "system" and at:
            refuse("invalid request: system turn must be the first in the list")
        texts, images = _content(message.get("content"), at, model)
        if role == "assistant":
            for call in message.get("tool_calls") or []:
                called.add(call["id"])
                function = call["function"]
                texts += [function["name"], function["arguments"]]
        elif role == "tool" and message.get("tool_call_id") not in called:
            refuse(
                "invalid request: tool call id not found in previous tool calls: "
                f"{message.get('tool_call_id')}"
            )
        text = " ".join(texts)
        if not text.strip() and not images:
            refuse("invalid request: all elements in history must have a message.")
        turns.append(Turn(role, text, images))
    return turns


def _content(content: Any, at: int, model: str) -> tuple[list[str], int]:
    """Return texts and the number of pictures. What was thought does not count."""
    if content is None:
        return [], 0
    if isinstance(content, str):
        return [content], 0
    texts: list[str] = []
    images = 0
    for item in content:
        match item:
            case {"type": "text", "text": str(text)}:
                texts.append(text)
            case {"type": "thinking", "thinking": str(_)}:
                pass
            case {"type": "document", "document": {"data": data}}:
                texts.append(_said(data))
            case {"type": "image_url", "image_url": {"url": str(_)}}:
                if not sees_images(model):
                    refuse("invalid request: image content is not supported for model")
                images += 1
            case _:
                refuse(f"invalid request: messages[{at}].content is not valid")
    return texts, images


def sources_of(messages: list[JSON], documents: Any) -> tuple[JSON, ...]:
    """Return what may be cited: what it says, and how it is named in a citation."""
    found: list[JSON] = []
    for message in messages:
        if message["role"] != "tool":
            continue
        call_id, content = message["tool_call_id"], message.get("content")
        if isinstance(content, str):
            content = [{"document": {"data": {"text": content}}}]
        for number, item in enumerate(content or []):
            data = item.get("document", {}).get("data") or {"text": item.get("text")}
            output = data if isinstance(data, dict) else {"text": data}
            source = {
                "type": "tool",
                "id": f"{call_id}:{number}",
                "tool_output": output,
            }
            found.append({"said": _said(data), "source": source})
    for number, each in enumerate(documents or []):
        document = {"data": {"text": each}} if isinstance(each, str) else each
        source = {
            "type": "document",
            "id": document.get("id", f"doc:{number}"),
            "document": document["data"],
        }
        found.append({"said": _said(document["data"]), "source": source})
    return tuple(found)


def _said(data: Any) -> str:
    if isinstance(data, str):
        return data
    if isinstance(data, dict) and isinstance(data.get("text"), str):
        return str(data["text"])
    return orjson.dumps(data).decode()
