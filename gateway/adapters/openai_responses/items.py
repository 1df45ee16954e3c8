"""Messages as the items of an input."""

import hashlib
from collections.abc import Iterable

import orjson

from gateway.adapters.openai_responses.protocol import NAME
from gateway.adapters.reading import text_of
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
from gateway.openai_families import Family
from gateway.types import JSON

_MAX_CALL_ID = 64
_MARKS_CACHE_FROM = (5, 6)
_BREAKPOINT: JSON = {"prompt_cache_breakpoint": {"mode": "explicit"}}


class InputWriter:
    """Writes the messages of one request for one model.

    `dropped` names what could not be said.
    """

    def __init__(self, family: Family) -> None:
        self.dropped: list[str] = []
        self._marks_cache = family.version >= _MARKS_CACHE_FROM

    def write(self, messages: Iterable[Message]) -> list[JSON]:
        items: list[JSON] = []
        for message in messages:
            if message.role == "assistant":
                items += _assistant(message.parts)
            elif message.role == "system":
                items.append(_message("system", self._parts(message.parts)))
            else:
                items += self._user(message.parts)
        return items

    def _user(self, parts: tuple[Part, ...]) -> list[JSON]:
        """Return the results of tools, then everything else in one message."""
        results = [part for part in parts if isinstance(part, ToolResult)]
        items = [self._result(result) for result in results]
        content = self._parts(parts)
        if content or not results:
            items.append(_message("user", content))
        return items

    def _result(self, result: ToolResult) -> JSON:
        text = "\n".join(p.text for p in result.parts if isinstance(p, Text))
        if result.is_error:
            text = f"Error: {text}"
        mark = self._mark(result.cached)
        images = [_image(part) for part in result.parts if isinstance(part, Image)]
        output: str | list[JSON] = text
        if images or mark:
            if text or not images:
                images.insert(0, {"type": "input_text", "text": text})
            output = [*images[:-1], images[-1] | mark]
        return {
            "type": "function_call_output",
            "call_id": _call_id(result.call_id),
            "output": output,
        }

    def _parts(self, parts: tuple[Part, ...]) -> list[JSON]:
        written: list[JSON] = []
        for part in parts:
            if isinstance(part, Text | Image | File):
                written.append(_part(part) | self._mark(part.cached))
            elif isinstance(part, Audio):
                # https://platform.openai.com/docs/guides/audio: on chat alone.
                self.dropped.append("audio")
        return written

    def _mark(self, is_cached: bool) -> JSON:
        """Return what marks a part as worth caching, as far as the model knows that."""
        return _BREAKPOINT if is_cached and self._marks_cache else {}


def _message(role: str, content: list[JSON]) -> JSON:
    """Return a message; texts without marks as a string, which every server takes."""
    said: str | list[JSON] = content
    if all(part.keys() == {"type", "text"} for part in content) and (
        role == "system" or len(content) < 2
    ):
        said = "\n\n".join(part["text"] for part in content)
    return {"type": "message", "role": role, "content": said}


def _part(part: Text | Image | File) -> JSON:
    if isinstance(part, Text):
        return {"type": "input_text", "text": part.text}
    if isinstance(part, Image):
        return _image(part)
    return _file(part)


def _image(image: Image) -> JSON:
    url = image.url or _data_url(image.media_type or "image/png", image.data)
    return {"type": "input_image", "image_url": url, "detail": image.detail or "auto"}


def _file(file: File) -> JSON:
    if file.media_type.startswith("image/"):
        return _picture(file)
    if file.file_id:
        return {"type": "input_file", "file_id": file.file_id}
    if file.url:
        return {"type": "input_file", "file_url": file.url}
    media_type = file.media_type or "application/pdf"
    return {
        "type": "input_file",
        # Without a name it is refused.
        "filename": file.name or "file." + media_type.rsplit("/", 1)[-1],
        "file_data": _data_url(media_type, file.data),
    }


def _picture(file: File) -> JSON:
    if file.file_id:
        return {"type": "input_image", "file_id": file.file_id, "detail": "auto"}
    return _image(Image(file.url, file.data, file.media_type))


def _data_url(media_type: str, data: str) -> str:
    return f"data:{media_type};base64,{data}"


def _assistant(parts: tuple[Part, ...]) -> list[JSON]:
    """Return the items of a turn in their order.

    Reasoning only goes before what came of it, else it is refused.
    """
    items: list[JSON] = []
    thoughts: list[JSON] = []
    said: list[JSON] = []

    def close() -> None:
        if said:
            items.append(_said(said))
            said.clear()

    for part in parts:
        if isinstance(part, Reasoning):
            if (thought := _thought(part)) is not None:
                close()
                thoughts.append(thought)
            continue
        if not isinstance(part, Text | Refusal | ToolCall):
            continue
        if isinstance(part, Text | Refusal) and not part.text:
            continue
        items += thoughts
        thoughts.clear()
        if isinstance(part, Text):
            said.append({"type": "output_text", "text": part.text})
        elif isinstance(part, Refusal):
            said.append({"type": "refusal", "refusal": part.text})
        else:
            close()
            items.append(_call(part))
    close()
    return items


def _said(content: list[JSON]) -> JSON:
    """Return a message of the model; text alone as a string, which every server takes."""
    said: str | list[JSON] = list(content)
    if all(part["type"] == "output_text" for part in content):
        said = "".join(part["text"] for part in content)
    return {"type": "message", "role": "assistant", "content": said}


def _call(call: ToolCall) -> JSON:
    return {
        "type": "function_call",
        "call_id": _call_id(call.id),
        "name": call.name,
        "arguments": call.arguments or "{}",
    }


def _thought(reasoning: Reasoning) -> JSON | None:
    """Return reasoning of this protocol; None for any other, which nobody can open."""
    if reasoning.protocol != NAME or not reasoning.sealed:
        return None
    try:
        sealed = orjson.loads(reasoning.sealed)
    except orjson.JSONDecodeError:
        return None
    encrypted = text_of(sealed.get("encrypted_content")) if type(sealed) is dict else ""
    if not encrypted:
        return None
    summary = (
        [{"type": "summary_text", "text": reasoning.text}] if reasoning.text else []
    )
    thought: JSON = {"type": "reasoning", "summary": summary}
    if item_id := text_of(sealed.get("id")):
        thought["id"] = item_id
    return thought | {"encrypted_content": encrypted}


def _call_id(call_id: str) -> str:
    """Return the id of a call, made to fit where it is too long."""
    if len(call_id) <= _MAX_CALL_ID:
        return call_id
    return "call_" + hashlib.sha256(call_id.encode()).hexdigest()[:24]
