"""Messages as Gemini's contents: who said what, in parts."""

import mimetypes
from collections.abc import Iterable

import orjson

from gateway.adapters.gemini_generate.models import Model
from gateway.adapters.gemini_generate.protocol import NAME
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

# Google's own word for a call whose signature there never was, or is lost.
NO_SIGNATURE = "skip_thought_signature_validator"

_AUDIO_TYPES = {"mp3": "audio/mp3", "pcm16": "audio/L16;rate=24000"}
_OWN_FILES = ("gs://", "files/", "https://generativelanguage.googleapis.com/")


class Conversation:
    """Collects messages: instructions apart, neighbours of one role together.

    `lost` names the kinds of parts that could not be said in this protocol.
    """

    def __init__(self, model: Model) -> None:
        self._model = model
        self._names: dict[str, str] = {}
        self._order: dict[str | None, int] = {}
        self.instructions: list[JSON] = []
        self.contents: list[JSON] = []
        self.lost: set[str] = set()

    def read(self, messages: Iterable[Message]) -> None:
        for message in messages:
            if message.role == "system":
                self.instructions += [
                    {"text": part.text}
                    for part in message.parts
                    if isinstance(part, Text) and part.text
                ]
            else:
                role = "model" if message.role == "assistant" else "user"
                self._add(role, [p for part in message.parts for p in self._said(part)])
        for content in self.contents:
            if content["role"] == "user":
                self._put_results_first(content["parts"])
            elif self._model.needs_signatures:
                _sign_first_call(content["parts"])

    def _add(self, role: str, parts: list[JSON]) -> None:
        if not parts:
            return
        if self.contents and self.contents[-1]["role"] == role:
            self.contents[-1]["parts"] += parts
        else:
            self.contents.append({"role": role, "parts": parts})

    def _put_results_first(self, parts: list[JSON]) -> None:
        """Order results as their calls were; what else was said follows them."""
        last = len(self._order)
        parts.sort(key=lambda part: self._order.get(part.pop("_answers", None), last))

    def _said(self, part: Part) -> list[JSON]:
        match part:
            case Text(text=text) | Refusal(text=text):
                return [{"text": text}] if text else []
            case Reasoning():
                return _thought(part)
            case ToolCall():
                return [self._call(part)]
            case ToolResult():
                return self._result(part)
            case _:
                return self._media(part)

    def _call(self, call: ToolCall) -> JSON:
        self._names[call.id] = call.name
        self._order.setdefault(call.id, len(self._order))
        said: JSON = {"name": call.name, "args": _arguments(call.arguments)}
        if self._model.takes_call_ids and call.id:
            said["id"] = call.id
        part: JSON = {"functionCall": said}
        if call.signature:
            part["thoughtSignature"] = call.signature
        return part

    def _result(self, result: ToolResult) -> list[JSON]:
        text = "".join(part.text for part in result.parts if isinstance(part, Text))
        response: JSON = {"error": text} if result.is_error else _response(text)
        name = self._names.get(result.call_id) or result.name or "tool"
        said: JSON = {"name": name, "response": response}
        if self._model.takes_call_ids and result.call_id:
            said["id"] = result.call_id
        self._order.setdefault(result.call_id, len(self._order))
        images = [part for part in result.parts if isinstance(part, Image)]
        return [
            {"functionResponse": said, "_answers": result.call_id},
            *(each for image in images for each in self._media(image)),
        ]

    def _media(self, part: Image | Audio | File) -> list[JSON]:
        match part:
            case Audio(data=data, format=form):
                kind = _AUDIO_TYPES.get(form, f"audio/{form or 'wav'}")
                return [_inline(kind, data)]
            case Image(data=data) if data:
                return [_inline(part.media_type or "image/jpeg", data)]
            case File(data=data) if data:
                return [_inline(part.media_type or "application/pdf", data)]
            case Image(url=url) | File(url=url) if url:
                return [_by_address(url, part.media_type)]
            case File(file_id=name) if name.startswith(_OWN_FILES):
                return [_by_address(name, part.media_type)]
        self.lost.add("file_id" if isinstance(part, File) else "image")
        return []


def _thought(part: Reasoning) -> list[JSON]:
    """Return what this protocol's own models thought; of others they know nothing."""
    if part.protocol != NAME:
        return []
    said: JSON = {"text": part.text}
    if part.text:
        said["thought"] = True
    if part.signature:
        said["thoughtSignature"] = part.signature
    return [said] if len(said) > 1 else []


def _sign_first_call(parts: list[JSON]) -> None:
    """Say of a step's first call that it has no signature, where it has none.

    Gemini 3 and later refuse it otherwise; of parallel calls only the first has one.
    """
    first = next((part for part in parts if "functionCall" in part), None)
    if first is not None:
        first.setdefault("thoughtSignature", NO_SIGNATURE)


def _arguments(text: str) -> JSON:
    try:
        value = orjson.loads(text or "{}")
    except orjson.JSONDecodeError:
        value = text
    return value if type(value) is dict else {"arguments": value}


def _response(text: str) -> JSON:
    """Return the result as the object that it must be."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        value = None
    return value if type(value) is dict else {"output": text}


def _inline(media_type: str, data: str) -> JSON:
    return {"inlineData": {"mimeType": media_type, "data": data}}


def _by_address(url: str, media_type: str) -> JSON:
    kind = media_type or mimetypes.guess_type(url.partition("?")[0])[0]
    return {"fileData": {"fileUri": url, **({"mimeType": kind} if kind else {})}}
