"""Google's contents as messages."""

from typing import Any

import orjson

from gateway.body_fields import Malformed
from gateway.canonical import (
    Audio,
    File,
    Image,
    Message,
    Part,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
)
from gateway.dialects.gemini_generate.protocol import (
    NAME,
    member,
    object_in,
    objects_in,
    text_in,
)
from gateway.types import JSON

# Google's word for a call without a signature; whoever needs it says it again.
_NO_SIGNATURE = "skip_thought_signature_validator"
_AUDIO_FORMATS = {"mpeg": "mp3", "x-wav": "wav", "wave": "wav", "mp4": "m4a"}
_OWN_FILES = "https://generativelanguage.googleapis.com/"
_STANDARD_BASE64 = str.maketrans("-_", "+/")


def messages_of(body: JSON) -> tuple[Message, ...]:
    reader = _Reader()
    messages: list[Message] = []
    instruction = object_in(body, "systemInstruction")
    said = tuple(
        Text(text)
        for part in objects_in(instruction, "parts", "systemInstruction")
        if (text := text_in(part, "text", "systemInstruction.parts"))
    )
    if said:
        messages.append(Message("system", said))
    for number, content in enumerate(objects_in(body, "contents")):
        where = f"contents[{number}]"
        parts = objects_in(content, "parts", where)
        read = [
            each
            for at, part in enumerate(parts)
            for each in reader.parts(part, f"{where}.parts[{at}]")
        ]
        match text_in(content, "role", where).lower():
            case "model":
                messages.append(Message("assistant", tuple(read)))
            case "" | "user" | "function":
                messages.append(Message("user", tuple(read)))
            case _:
                msg = f"'{where}.role' must be 'user' or 'model'."
                raise Malformed(msg, f"{where}.role")
    return tuple(messages)


class _Reader:
    """Reads parts in order, and pairs the results that name no call with their calls."""

    def __init__(self) -> None:
        self._calls = 0
        self._open: list[tuple[str, str]] = []

    def parts(self, part: JSON, where: str) -> list[Part]:
        signature = text_in(part, "thoughtSignature", where)
        if member(part, "thought") is True:
            text = text_in(part, "text", where)
            return [Reasoning(text=text, signature=signature, protocol=NAME)]
        if member(part, "functionCall") is not None:
            return [
                self._call(object_in(part, "functionCall", where), signature, where)
            ]
        if member(part, "functionResponse") is not None:
            return [self._result(object_in(part, "functionResponse", where), where)]
        said = _content(part, where)
        if signature and signature != _NO_SIGNATURE:
            said.append(Reasoning(signature=signature, protocol=NAME))
        return said

    def _next_id(self) -> str:
        number, self._calls = self._calls, self._calls + 1
        return f"call_{number}"

    def _call(self, call: JSON, signature: str, where: str) -> ToolCall:
        where = f"{where}.functionCall"
        position = self._next_id()
        call_id = text_in(call, "id", where) or position
        name = text_in(call, "name", where)
        if not name:
            raise Malformed(f"'{where}.name' is missing.", f"{where}.name")
        self._open.append((call_id, name))
        return ToolCall(
            id=call_id,
            name=name,
            arguments=orjson.dumps(object_in(call, "args", where)).decode(),
            signature="" if signature == _NO_SIGNATURE else signature,
        )

    def _result(self, result: JSON, where: str) -> ToolResult:
        where = f"{where}.functionResponse"
        name = text_in(result, "name", where)
        call_id = text_in(result, "id", where)
        answered = next(
            (c for c in self._open if (c[0] == call_id if call_id else c[1] == name)),
            None,
        )
        if answered is not None:
            self._open.remove(answered)
            call_id = answered[0]
        response = object_in(result, "response", where)
        is_error = response.keys() == {"error"}
        parts: list[Text | Image] = [Text(_words(response))]
        for part in objects_in(result, "parts", where):
            parts += [p for p in _content(part, where) if isinstance(p, Text | Image)]
        return ToolResult(call_id or self._next_id(), tuple(parts), name, is_error)


def _words(response: JSON) -> str:
    """Return what a function said: its text where there is nothing else."""
    for name in ("output", "error"):
        if response.keys() == {name} and type(text := response[name]) is str:
            return text
    return orjson.dumps(response).decode()


def _content(part: JSON, where: str) -> list[Part]:
    if member(part, "inlineData") is not None:
        return [_inline(object_in(part, "inlineData", where), f"{where}.inlineData")]
    if member(part, "fileData") is not None:
        return [_file(object_in(part, "fileData", where), f"{where}.fileData")]
    if member(part, "executableCode") is not None:
        code = object_in(part, "executableCode", where)
        language = text_in(code, "language", where).lower()
        return [Text(f"\n```{language}\n{text_in(code, 'code', where)}\n```\n")]
    if member(part, "codeExecutionResult") is not None:
        ran = object_in(part, "codeExecutionResult", where)
        return [Text(f"\n```\n{text_in(ran, 'output', where)}\n```\n")]
    if "text" in part:
        text = text_in(part, "text", where)
        return [Text(text)] if text else []
    if _has_only_modifiers(part):
        return []
    name = next(iter(part))
    msg = f"'{where}' holds '{name}', which the models behind this name cannot read."
    raise Malformed(msg, where)


def _has_only_modifiers(part: JSON) -> bool:
    return all(
        name in {"thought", "thoughtSignature", "thought_signature"} or value is None
        for name, value in part.items()
    )


def _inline(inline: JSON, where: str) -> Part:
    kind = text_in(inline, "mimeType", where).lower()
    data: Any = text_in(inline, "data", where)
    if not kind or not data:
        raise Malformed(f"'{where}' needs 'mimeType' and 'data'.", where)
    data = data.translate(_STANDARD_BASE64)
    data += "=" * (-len(data) % 4)
    if kind.startswith("image/"):
        return Image(data=data, media_type=kind)
    if kind.startswith("audio/"):
        form = kind.removeprefix("audio/").partition(";")[0]
        return Audio(data=data, format=_AUDIO_FORMATS.get(form, form))
    name = text_in(inline, "displayName", where)
    return File(data=data, media_type=kind, name=name)


def _file(file: JSON, where: str) -> Part:
    kind = text_in(file, "mimeType", where).lower()
    url = text_in(file, "fileUri", where)
    if not url:
        raise Malformed(f"'{where}.fileUri' is missing.", f"{where}.fileUri")
    if url.startswith(_OWN_FILES) or not url.startswith(("https://", "http://")):
        return File(file_id=url, media_type=kind)
    if kind.startswith("image/"):
        return Image(url=url, media_type=kind)
    return File(url=url, media_type=kind)
