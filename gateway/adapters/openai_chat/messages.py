"""Messages in the words of chat completions."""

import hashlib
import re
from collections.abc import Callable, Iterable

import orjson

from gateway.adapters.openai_chat.protocol import NAME
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

# Mistral takes no other ids: https://docs.mistral.ai/capabilities/function_calling
_NINE_LETTERS = re.compile(r"(?:mi|mini|code|magi|dev|vox|mathe?)stral|pixtral")
_NINE = re.compile(r"[a-zA-Z0-9]{9}")
_MAX_CALL_ID = 40
_MARKS_CACHE_FROM = (5, 6)
_BREAKPOINT: JSON = {"prompt_cache_breakpoint": {"mode": "explicit"}}
# https://openrouter.ai/docs/features/prompt-caching
_CACHE_CONTROL: JSON = {"cache_control": {"type": "ephemeral"}}


class MessageWriter:
    """Writes the messages of one request for one model.

    `dropped` names what could not be said.
    """

    def __init__(self, model_id: str, family: Family) -> None:
        self.dropped: list[str] = []
        self._is_openai = family.is_openai
        self._cache_mark = _cache_mark(model_id, family)
        self._keeps_signatures = "gemini" in model_id
        self._call_id: Callable[[str], str] = (
            _nine_letters if _NINE_LETTERS.search(model_id) else _short_id
        )

    def write(self, messages: Iterable[Message]) -> list[JSON]:
        written: list[JSON] = []
        for message in messages:
            if message.role == "system":
                written.append(self._system(message.parts))
            elif message.role == "assistant":
                written += self._assistant(message.parts)
            else:
                written += self._user(message.parts)
        return written

    def _system(self, parts: tuple[Part, ...]) -> JSON:
        texts = [part for part in parts if isinstance(part, Text)]
        if any(self._mark(text.cached) for text in texts):
            return {"role": "system", "content": [self._part(text) for text in texts]}
        return {"role": "system", "content": "\n\n".join(t.text for t in texts)}

    def _user(self, parts: tuple[Part, ...]) -> list[JSON]:
        """Return the results of tools, then everything else in one message."""
        results = [part for part in parts if isinstance(part, ToolResult)]
        written = [self._result(result) for result in results]
        shown = [
            self._part(part)
            for result in results
            for part in result.parts
            if isinstance(part, Image)
        ]
        said = [
            self._part(part)
            for part in parts
            if isinstance(part, Text | Image | Audio | File)
        ]
        content = shown + said
        if content or not results:
            written.append({"role": "user", "content": _plain(content)})
        return written

    def _result(self, result: ToolResult) -> JSON:
        # A string, since not every server takes parts here.
        content: str | list[JSON]
        content = "\n".join(p.text for p in result.parts if isinstance(p, Text))
        if not content and result.parts:
            content = "The result is the image that follows."
        if result.is_error:
            content = f"Error: {content}"
        if mark := self._mark(result.cached):
            content = [{"type": "text", "text": content, **mark}]
        return {
            "role": "tool",
            "tool_call_id": self._call_id(result.call_id),
            "content": content,
        }

    def _assistant(self, parts: tuple[Part, ...]) -> list[JSON]:
        """Return the message; none when nothing of it can be said here."""
        text = "".join(part.text for part in parts if isinstance(part, Text))
        refusal = "".join(part.text for part in parts if isinstance(part, Refusal))
        calls = [self._call(part) for part in parts if isinstance(part, ToolCall)]
        if refusal and not self._is_openai:
            text, refusal = text + refusal, ""
        if not (text or refusal or calls):
            return []
        message: JSON = {"role": "assistant", "content": text or None}
        if refusal:
            message["refusal"] = refusal
        if calls:
            message["tool_calls"] = calls
        thoughts = [p for p in parts if isinstance(p, Reasoning) and p.protocol == NAME]
        message.update(_reasoning(thoughts))
        return [message]

    def _call(self, call: ToolCall) -> JSON:
        written: JSON = {
            "id": self._call_id(call.id),
            "type": "function",
            "function": {"name": call.name, "arguments": call.arguments or "{}"},
        }
        if call.signature and self._keeps_signatures:
            # https://ai.google.dev/gemini-api/docs/thought-signatures
            google = {"thought_signature": call.signature}
            written["extra_content"] = {"google": google}
        return written

    def _part(self, part: Text | Image | Audio | File) -> JSON:
        if isinstance(part, Text):
            written: JSON = {"type": "text", "text": part.text}
        elif isinstance(part, Image):
            written = _image(part)
        elif isinstance(part, Audio):
            audio = {"data": part.data, "format": part.format}
            return {"type": "input_audio", "input_audio": audio}
        else:
            written = self._linked(part) if part.url else _file(part)
        return written | self._mark(part.cached)

    def _mark(self, is_cached: bool) -> JSON:
        """Return what marks a part as worth caching, as far as the model knows that."""
        return self._cache_mark if is_cached else {}

    def _linked(self, file: File) -> JSON:
        """Return a file that is somewhere else: only images may be."""
        if file.media_type.startswith("image/"):
            return {"type": "image_url", "image_url": {"url": file.url}}
        self.dropped.append("file_url")
        return {"type": "text", "text": f"{file.name or 'File'}: {file.url}"}


def _cache_mark(model_id: str, family: Family) -> JSON:
    if family.version >= _MARKS_CACHE_FROM:
        return _BREAKPOINT
    return _CACHE_CONTROL if "claude" in model_id else {}


def _image(image: Image) -> JSON:
    url = image.url or _data_url(image.media_type or "image/png", image.data)
    described: JSON = {"url": url}
    if image.detail:
        described["detail"] = image.detail
    return {"type": "image_url", "image_url": described}


def _file(file: File) -> JSON:
    if file.file_id:
        described = {"file_id": file.file_id}
    else:
        media_type = file.media_type or "application/pdf"
        described = {"file_data": _data_url(media_type, file.data)}
        if not file.name:
            # Without a name it is refused.
            described["filename"] = "file." + media_type.rsplit("/", 1)[-1]
    if file.name:
        described["filename"] = file.name
    return {"type": "file", "file": described}


def _data_url(media_type: str, data: str) -> str:
    return f"data:{media_type};base64,{data}"


def _plain(content: list[JSON]) -> str | list[JSON]:
    """Return a single unmarked text as a string, which every server takes."""
    if not content:
        return ""
    if len(content) == 1 and content[0].keys() == {"type", "text"}:
        text: str = content[0]["text"]
        return text
    return content


def _reasoning(thoughts: list[Reasoning]) -> JSON:
    """Return reasoning of this protocol as its provider wants it back."""
    fields: JSON = {}
    if text := "".join(thought.text for thought in thoughts):
        fields["reasoning_content"] = text
    details = [d for thought in thoughts for d in _details(thought.sealed)]
    if details:
        # OpenRouter wants them back unchanged, and in place of the text.
        return {"reasoning_details": details}
    return fields


def _details(sealed: str) -> list[JSON]:
    try:
        details = orjson.loads(sealed)
    except orjson.JSONDecodeError:
        return []
    return details if isinstance(details, list) else []


def _short_id(call_id: str) -> str:
    """Return the id of a call, made to fit where it is too long."""
    if len(call_id) <= _MAX_CALL_ID:
        return call_id
    return "call_" + hashlib.sha256(call_id.encode()).hexdigest()[:24]


def _nine_letters(call_id: str) -> str:
    if _NINE.fullmatch(call_id):
        return call_id
    return hashlib.sha256(call_id.encode()).hexdigest()[:9]
