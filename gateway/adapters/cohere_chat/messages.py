"""A conversation in Cohere's words."""

import base64
import binascii
from collections.abc import Iterable, Sequence

from gateway.adapters.cohere_chat.models import Abilities
from gateway.adapters.cohere_chat.names import written_name
from gateway.adapters.cohere_chat.wire import NAME
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

_NOTHING = "The tool returned nothing."
_IMAGE_FOLLOWS = "The result is the image that follows."


def build_messages(
    messages: Sequence[Message],
    abilities: Abilities,
    instruction: str,
    dropped: list[str],
) -> list[JSON]:
    """Return the messages; what cannot be said is added to `dropped`.

    There is one system message, at the beginning, and the instruction ends it; what the
    system says later stands in its place as the user's.
    """
    remaining = list(messages)
    orders: list[str] = []
    while remaining and remaining[0].role == "system":
        orders.append(_joined(remaining.pop(0).parts))
    orders = [text for text in [*orders, instruction] if text.strip()]
    written: list[JSON] = []
    for message in remaining:
        if message.role == "assistant":
            written += _assistant(message.parts, abilities)
        else:
            written += _user(message.parts, dropped)
    if orders:
        # Somebody must have said something.
        role = "system" if written else "user"
        written.insert(0, {"role": role, "content": "\n\n".join(orders)})
    return written


def _joined(parts: Iterable[Part]) -> str:
    return "\n\n".join(part.text for part in parts if isinstance(part, Text))


def _user(parts: tuple[Part, ...], dropped: list[str]) -> list[JSON]:
    """Return the results of tools, then everything else in one message."""
    results = [part for part in parts if isinstance(part, ToolResult)]
    written = [_result(result) for result in results]
    shown = [
        _image(part)
        for result in results
        for part in result.parts
        if isinstance(part, Image)
    ]
    content = shown + _content(parts, dropped)
    if content:
        written.append({"role": "user", "content": _plain(content)})
    return written


def _result(result: ToolResult) -> JSON:
    content = "\n".join(p.text for p in result.parts if isinstance(p, Text))
    if not content.strip():
        content = _IMAGE_FOLLOWS if result.parts else _NOTHING
    if result.is_error:
        content = f"Error: {content}"
    return {"role": "tool", "tool_call_id": result.call_id, "content": content}


def _assistant(parts: tuple[Part, ...], abilities: Abilities) -> list[JSON]:
    """Return the message; none when nothing of it can be said here."""
    text = "".join(p.text for p in parts if isinstance(p, Text | Refusal))
    thought = "".join(
        p.text for p in parts if isinstance(p, Reasoning) and p.protocol == NAME
    )
    calls = [_call(part) for part in parts if isinstance(part, ToolCall)]
    if not (text.strip() or calls):
        return []
    message: JSON = {"role": "assistant"}
    content: list[JSON] = [{"type": "text", "text": text}] if text.strip() else []
    if thought and abilities.thinks:
        content.insert(0, {"type": "thinking", "thinking": thought})
    elif thought and calls:
        # Models that do not reason say before a call what they are about to do.
        message["tool_plan"] = thought
    if content:
        message["content"] = _plain(content)
    if calls:
        message["tool_calls"] = calls
    return [message]


def _call(call: ToolCall) -> JSON:
    function = {"name": written_name(call.name), "arguments": call.arguments or "{}"}
    return {"id": call.id, "type": "function", "function": function}


def _content(parts: Iterable[Part], dropped: list[str]) -> list[JSON]:
    content: list[JSON] = []
    for part in parts:
        match part:
            case Text(text=text):
                if text.strip():
                    content.append({"type": "text", "text": text})
            case Image():
                content.append(_image(part))
            case File():
                if (written := _file(part)) is not None:
                    content.append(written)
                elif "file" not in dropped:
                    dropped.append("file")
            case Audio():
                if "audio" not in dropped:
                    dropped.append("audio")
    return content


def _image(image: Image) -> JSON:
    media_type = image.media_type or "image/png"
    described: JSON = {"url": image.url or f"data:{media_type};base64,{image.data}"}
    if image.detail:
        described["detail"] = image.detail
    return {"type": "image_url", "image_url": described}


def _file(file: File) -> JSON | None:
    """Return a picture or a text; None for any other file."""
    if file.media_type.startswith("image/") and (file.url or file.data):
        return _image(Image(url=file.url, data=file.data, media_type=file.media_type))
    if not file.media_type.startswith("text/") or not file.data:
        return None
    try:
        text = base64.b64decode(file.data, validate=True).decode()
    except (binascii.Error, ValueError):
        return None
    if not text.strip():
        return None
    return {"type": "text", "text": f"{file.name}:\n{text}" if file.name else text}


def _plain(content: list[JSON]) -> str | list[JSON]:
    """Return a single text as a string."""
    if len(content) == 1 and content[0]["type"] == "text":
        text: str = content[0]["text"]
        return text
    return content
