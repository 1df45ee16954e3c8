"""What a request needs a model to be able to, as its own body shows it.

Only what decides who can answer is looked for: pictures, sound, files and tools. That
an answer is to be JSON needs nothing, because any model can be told so in words.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final

from catalog.protocols import Capability
from gateway.types import JSON, InferenceRequest

NOTHING: Final[frozenset[str]] = frozenset()
MEDIA: Final = frozenset(
    {Capability.VISION.value, Capability.AUDIO_IN.value, Capability.FILES.value}
)

_VISION = Capability.VISION.value
_AUDIO = Capability.AUDIO_IN.value
_FILES = Capability.FILES.value
_TOOLS = frozenset({Capability.TOOLS.value})

# What the parts of a message need, by their type: OpenAI's, Responses', Anthropic's.
_NEED_OF_PART = {
    "image_url": _VISION,
    "input_image": _VISION,
    "image": _VISION,
    "input_audio": _AUDIO,
    "file": _FILES,
    "input_file": _FILES,
    "document": _FILES,
}
# A document that is written out in the request is text.
_WRITTEN = ("text", "content")
_NEED_OF_MEDIA = {"image": _VISION, "audio": _AUDIO, "video": _VISION}


def needs_of(request: InferenceRequest) -> frozenset[str]:
    """Return the capabilities that a conversation needs; other operations say it all."""
    find = _FINDERS.get(request.dialect)
    return NOTHING if find is None else find(request.body)


def _of_messages(body: JSON) -> frozenset[str]:
    found = _TOOLS if body.get("tools") or body.get("functions") else NOTHING
    messages = body.get("messages")
    return _in_contents(messages, found) if type(messages) is list else found


def _of_items(body: JSON) -> frozenset[str]:
    """Read a request of the Responses API; tools of its own are the provider's."""
    found = NOTHING
    tools = body.get("tools")
    if type(tools) is list and any(
        type(tool) is dict and tool.get("type") in ("function", "custom")
        for tool in tools
    ):
        found = _TOOLS
    items = body.get("input")
    if type(items) is not list:
        return found
    return _in_contents(items, _in_contents(items, found), "output")


def _in_contents(
    holders: list[Any], found: frozenset[str], name: str = "content"
) -> frozenset[str]:
    """Add what the contents of messages, items or parts need."""
    for holder in holders:
        if type(holder) is dict:
            content = holder.get(name)
            if type(content) is list:
                found = _in_parts(content, found)
    return found


def _in_parts(parts: Iterable[Any], found: frozenset[str]) -> frozenset[str]:
    for part in parts:
        if type(part) is not dict:
            continue
        kind = part.get("type")
        if kind == "text" or type(kind) is not str:
            continue
        if kind == "tool_result":
            found = _in_contents([part], found)
        elif (need := _NEED_OF_PART.get(kind)) is not None and not is_written(part):
            found |= {need}
    return found


def is_written(part: JSON) -> bool:
    """Say whether a part is a document that is written out as text."""
    source = part.get("source")
    return type(source) is dict and source.get("type") in _WRITTEN


def _of_contents(body: JSON) -> frozenset[str]:
    """Read a request of Gemini's, which tells media by their type."""
    found = NOTHING
    tools = body.get("tools")
    if type(tools) is list and any(
        type(tool) is dict
        and (tool.get("functionDeclarations") or tool.get("function_declarations"))
        for tool in tools
    ):
        found = _TOOLS
    contents = body.get("contents")
    for content in contents if type(contents) is list else [contents]:
        parts = content.get("parts") if type(content) is dict else None
        for part in parts if type(parts) is list else [parts]:
            if type(part) is dict and (need := _need_of_blob(part)) is not None:
                found |= {need}
    return found


def _need_of_blob(part: JSON) -> str | None:
    for name in ("inlineData", "inline_data", "fileData", "file_data"):
        blob = part.get(name)
        if type(blob) is dict:
            media_type = blob.get("mimeType") or blob.get("mime_type")
            if type(media_type) is not str:
                return _FILES
            return _NEED_OF_MEDIA.get(media_type.partition("/")[0], _FILES)
    return None


_FINDERS: dict[str, Callable[[JSON], frozenset[str]]] = {
    "openai_chat": _of_messages,
    "anthropic_messages": _of_messages,
    "signalbox": _of_messages,
    "openai_responses": _of_items,
    "gemini_generate": _of_contents,
}
