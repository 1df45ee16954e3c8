"""What a candidate of an answer holds, read with suspicion."""

import orjson

from gateway.adapters.gemini_generate.protocol import NAME
from gateway.adapters.reading import object_of, objects_of, text_of
from gateway.canonical import (
    Audio,
    File,
    FinishReason,
    Image,
    Part,
    Reasoning,
    Text,
    ToolCall,
)
from gateway.types import JSON

_STOPPED = {
    "STOP": "stop",
    "FINISH_REASON_UNSPECIFIED": "stop",
    "MAX_TOKENS": "length",
    "CONTINUATION": "length",
}
_FILTERED = frozenset(
    {
        "SAFETY",
        "RECITATION",
        "BLOCKLIST",
        "PROHIBITED_CONTENT",
        "SPII",
        "LANGUAGE",
        "IMAGE_SAFETY",
        "IMAGE_PROHIBITED_CONTENT",
        "IMAGE_RECITATION",
        "ESCALATION",
        "PUP_LIMITED_DISABLED",
        "MODEL_ARMOR",
        "JAILBREAK",
    }
)
_MAX_ID = 40


def finish_reason_of(
    reason: str, *, has_calls: bool, has_content: bool
) -> FinishReason | None:
    """Return the reason in our words; None when the model failed to answer at all."""
    if reason in _FILTERED:
        return "content_filter"
    if _STOPPED.get(reason) == "length":
        return "length"
    if has_calls:
        return "tool_calls"
    return "stop" if reason in _STOPPED or has_content else None


def is_blocked(tree: JSON) -> bool:
    """Say whether the prompt was refused, so that there is no candidate."""
    return bool(text_of(object_of(tree.get("promptFeedback")).get("blockReason")))


def ending_of(tree: JSON) -> str:
    """Return why the first candidate ended; empty as long as it has not."""
    if is_blocked(tree):
        return "content_filter"
    for candidate in objects_of(tree.get("candidates"))[:1]:
        if reason := text_of(candidate.get("finishReason")):
            return finish_reason_of(reason, has_calls=False, has_content=True) or ""
    return ""


def raw_parts(candidate: JSON) -> list[JSON]:
    return objects_of(object_of(candidate.get("content")).get("parts"))


def call_prefix(tree: JSON, index: int) -> str:
    """Return what the ids of a candidate's calls begin with, where Google left them out.

    They hold the answer's own id, so that those of several turns differ.
    """
    name = text_of(tree.get("responseId"))
    clean = "".join(c for c in name if c.isascii() and (c.isalnum() or c in "_-"))
    prefix = f"call_{clean[: _MAX_ID - 12]}_" if clean else "call_"
    return f"{prefix}{index}_" if index else prefix


def parts_of(raw: JSON, call_id: str) -> list[Part]:
    """Return what the part says. `call_id` is for a call that has none."""
    signature = text_of(raw.get("thoughtSignature"))
    if raw.get("thought") is True:
        text = text_of(raw.get("text"))
        return (
            [Reasoning(text=text, signature=signature, protocol=NAME)]
            if text or signature
            else []
        )
    if type(call := raw.get("functionCall")) is dict:
        return [
            ToolCall(
                id=text_of(call.get("id")) or call_id,
                name=text_of(call.get("name")),
                arguments=orjson.dumps(object_of(call.get("args"))).decode(),
                signature=signature,
            )
        ]
    said: list[Part] = [part] if (part := _content(raw)) is not None else []
    if signature:
        # What closes the thoughts may stand on a text, which has no room for it.
        said.append(Reasoning(signature=signature, protocol=NAME))
    return said


def _content(raw: JSON) -> Part | None:
    if text := text_of(raw.get("text")):
        return Text(text)
    if type(code := raw.get("executableCode")) is dict:
        language = text_of(code.get("language")).lower()
        return Text(f"\n```{language}\n{text_of(code.get('code'))}\n```\n")
    if type(ran := raw.get("codeExecutionResult")) is dict:
        return Text(f"\n```\n{text_of(ran.get('output'))}\n```\n")
    if type(inline := raw.get("inlineData")) is dict:
        return _inline(text_of(inline.get("mimeType")), text_of(inline.get("data")))
    if type(file := raw.get("fileData")) is dict:
        kind, url = text_of(file.get("mimeType")), text_of(file.get("fileUri"))
        if kind.startswith("image/"):
            return Image(url=url, media_type=kind)
        return File(url=url, media_type=kind)
    return None


def _inline(kind: str, data: str) -> Part:
    if kind.startswith("image/"):
        return Image(data=data, media_type=kind)
    if kind.startswith("audio/"):
        form = kind.removeprefix("audio/").partition(";")[0].lower()
        return Audio(data=data, format="pcm16" if form == "l16" else form)
    return File(data=data, media_type=kind)
