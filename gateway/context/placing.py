"""Putting a context where a model reads it first: among what the system says.

Where the system's own words hold `{{context}}`, the context stands there; else it follows
them. What is put in is not read again. A body that is relayed keeps all else as it was.
"""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import orjson

from gateway.canonical import ChatRequest, Message, Part, Text
from gateway.types import JSON, InferenceRequest

PLACE = "{{context}}"
_SYSTEM = frozenset({"system", "developer"})
_BETWEEN = "\n\n"


def in_conversation(request: ChatRequest, text: str) -> ChatRequest:
    """Return the canonical request with the context."""
    messages, is_placed = _placed(request.messages, text)
    if not is_placed and text:
        at = next(
            (n for n, each in enumerate(messages) if each.role != "system"),
            len(messages),
        )
        messages.insert(at, Message("system", (Text(text),)))
    return msgspec.structs.replace(request, messages=tuple(messages))


def in_body(request: InferenceRequest, text: str) -> InferenceRequest:
    """Return a request that is relayed as it is, with the context in its body."""
    changed = _PLACERS[request.dialect](request.body, text)
    return msgspec.structs.replace(
        request,
        fields={
            **request.fields,
            **{name: orjson.dumps(value) for name, value in changed.items()},
        },
        body={**request.body, **changed},
        canonical=None,
    )


def _placed(messages: Sequence[Message], text: str) -> tuple[list[Message], bool]:
    found: list[Message] = []
    is_placed = False
    for message in messages:
        if message.role == "system" and any(map(_has_place, message.parts)):
            is_placed = True
            parts = tuple(_filled(part, text) for part in message.parts)
            message = Message("system", parts)
        found.append(message)
    return found, is_placed


def _has_place(part: Part) -> bool:
    return isinstance(part, Text) and PLACE in part.text


def _filled(part: Part, text: str) -> Part:
    if isinstance(part, Text) and PLACE in part.text:
        return Text(part.text.replace(PLACE, text), part.cached)
    return part


def _in_messages(body: JSON, text: str) -> JSON:
    """OpenAI's chat: system messages stand among the others."""
    return _among(body, "messages", text, "text")


def _in_items(body: JSON, text: str) -> JSON:
    """The Responses API: instructions, and items with a role."""
    instructions = body.get("instructions")
    if isinstance(instructions, str) and PLACE in instructions:
        return {"instructions": instructions.replace(PLACE, text)}
    items = body.get("input")
    if isinstance(items, list) and (filled := _filled_in(items, text)) is not None:
        return {"input": filled}
    if not text:
        return {}
    if isinstance(instructions, str) and instructions:
        return {"instructions": f"{instructions}{_BETWEEN}{text}"}
    return {"instructions": text}


def _in_system(body: JSON, text: str) -> JSON:
    """Anthropic's messages: a system of its own, as text or as blocks."""
    system = body.get("system")
    filled = _filled_content(system, text)
    if filled is not None:
        return {"system": filled}
    if not text:
        return {}
    if isinstance(system, list):
        return {"system": [*system, {"type": "text", "text": text}]}
    return {"system": f"{system}{_BETWEEN}{text}" if system else text}


def _in_instruction(body: JSON, text: str) -> JSON:
    """Gemini's: an instruction of parts, by either of its names."""
    name = "system_instruction" if "system_instruction" in body else "systemInstruction"
    system = body.get(name)
    if isinstance(system, str):
        system = {"parts": [{"text": system}]}
    if not isinstance(system, dict):
        return {name: {"parts": [{"text": text}]}} if text else {}
    parts = system.get("parts")
    parts = [parts] if isinstance(parts, dict) else parts
    parts = parts if isinstance(parts, list) else []
    filled = _filled_content(parts, text)
    if filled is None:
        if not text:
            return {}
        filled = [*parts, {"text": text}]
    return {name: {**system, "parts": filled}}


def _among(body: JSON, name: str, text: str, kind: str) -> JSON:
    messages: list[Any] = body[name]
    if (filled := _filled_in(messages, text)) is not None:
        return {name: filled}
    if not text:
        return {}
    at = next(
        (n for n, each in enumerate(messages) if not _is_system(each)), len(messages)
    )
    told = {"role": "system", "content": text}
    return {name: [*messages[:at], told, *messages[at:]]}


def _filled_in(messages: list[Any], text: str) -> list[Any] | None:
    """Return the messages with the context in its place; None where there is none."""
    found, is_placed = [], False
    for message in messages:
        if _is_system(message):
            content = _filled_content(message.get("content"), text)
            if content is not None:
                is_placed = True
                message = {**message, "content": content}
        found.append(message)
    return found if is_placed else None


def _filled_content(content: Any, text: str) -> Any:
    """Return a content with the context in its place; None where there is none."""
    if isinstance(content, str):
        return content.replace(PLACE, text) if PLACE in content else None
    if not isinstance(content, list):
        return None
    found, is_placed = [], False
    for part in content:
        said = part.get("text") if isinstance(part, dict) else None
        if isinstance(said, str) and PLACE in said:
            is_placed = True
            part = {**part, "text": said.replace(PLACE, text)}
        found.append(part)
    return found if is_placed else None


def _is_system(message: Any) -> bool:
    return isinstance(message, dict) and message.get("role") in _SYSTEM


_PLACERS: dict[str, Callable[[JSON, str], JSON]] = {
    "openai_chat": _in_messages,
    "openai_responses": _in_items,
    "anthropic_messages": _in_system,
    "gemini_generate": _in_instruction,
}
