"""Reads Converse's messages, and checks what belongs together."""

import re
from typing import Any

import orjson

from gateway.simulator.checks import refuse
from gateway.simulator.models import sees_images
from gateway.simulator.signatures import is_signed
from gateway.simulator.transcript import Turn
from gateway.simulator.types import JSON

SIGNER = "bedrock_converse"
_ID = re.compile(r"[a-zA-Z0-9_.:-]{1,64}")
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_TITLE = re.compile(r"[A-Za-z0-9()\[\] -]{1,200}")
_PICTURES = frozenset({"png", "jpeg", "gif", "webp"})
_DOCUMENTS = frozenset(
    {"pdf", "csv", "doc", "docx", "xls", "xlsx", "html", "txt", "md"}
)
_KINDS = frozenset(
    {
        "text",
        "image",
        "document",
        "audio",
        "toolUse",
        "toolResult",
        "reasoningContent",
        "cachePoint",
    }
)


def turns_of(messages: Any, model: str) -> list[Turn]:
    """Return what was said, each tool result in a turn of its own."""
    if not isinstance(messages, list) or not messages:
        refuse("The value at messages is empty. Add at least one message.")
    turns: list[Turn] = []
    called: list[str] = []
    titles: set[str] = set()
    for at, message in enumerate(messages):
        role = message.get("role")
        if role != ("assistant" if at % 2 else "user"):
            refuse(
                "A conversation must start with a user message."
                if not at
                else "A conversation must alternate between user and assistant roles."
            )
        reader = _Reader(model, role, titles)
        for number, block in enumerate(_content_of(message, at)):
            reader.read(block, f"messages.{at}.content.{number}")
        reader.check(called, f"messages.{at}.content")
        turns += [*reader.results, *reader.own_turn()]
        called = reader.called
    return turns


def has_calls(messages: list[JSON]) -> bool:
    return any(
        "toolUse" in block or "toolResult" in block
        for message in messages
        for block in message["content"]
    )


def check_tool_name(name: Any, place: str) -> str:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        refuse(
            f"Value '{name}' at '{place}' failed to satisfy constraint: Member must "
            "satisfy regular expression pattern: [a-zA-Z0-9_-]+"
        )
    return name


def _content_of(message: JSON, at: int) -> list[JSON]:
    content = message.get("content")
    if not isinstance(content, list) or not content:
        refuse(f"The content field in the Message object at messages.{at} is empty.")
    return content


class _Reader:
    """The blocks of one message."""

    def __init__(self, model: str, role: str, titles: set[str]) -> None:
        self.model = model
        self.role = role
        self.titles = titles
        self.texts: list[str] = []
        self.images = 0
        self.others = 0
        self.documents = 0
        self.called: list[str] = []
        self.answered: list[str] = []
        self.results: list[Turn] = []

    def own_turn(self) -> list[Turn]:
        """Return what was said besides tool results, if anything was."""
        if not (self.texts or self.images or self.others):
            return []
        return [Turn(self.role, " ".join(self.texts), self.images, self.others)]

    def check(self, called: list[str], place: str) -> None:
        """Refuse results that are not those of the calls just before."""
        if sorted(called) != sorted(self.answered):
            refuse(
                f"Expected toolResult blocks at {place} for the following Ids: "
                f"{', '.join(called)}, but found: {', '.join(self.answered)}"
            )
        if self.documents and not self.texts:
            refuse("A text block is required together with a document block.")

    def read(self, block: JSON, place: str) -> None:
        if len(block) != 1 or not block.keys() <= _KINDS:
            refuse(f"The content block at {place} must hold exactly one known member.")
        ((kind, value),) = block.items()
        match kind:
            case "text":
                self.texts.append(_text(value, place))
            case "image":
                self._read_image(value, place)
            case "document":
                self._read_document(value, place)
            case "audio":
                self.others += 1
            case "toolUse":
                self._read_call(value, place)
            case "toolResult":
                self._read_result(value, place)
            case "reasoningContent":
                self._check_reasoning(value, place)

    def _read_image(self, image: JSON, place: str) -> None:
        if not sees_images(self.model):
            refuse(
                "This model doesn't support the image content block that you provided."
            )
        if image.get("format") not in _PICTURES or not _source(image):
            refuse(f"The image at {place} has no format or no bytes.")
        self.images += 1

    def _read_document(self, document: JSON, place: str) -> None:
        title = document.get("name")
        if document.get("format") not in _DOCUMENTS or not _source(document):
            refuse(f"The document at {place} has no format or no bytes.")
        if not isinstance(title, str) or not _TITLE.fullmatch(title):
            refuse("The document file name can only contain alphanumeric characters.")
        if title in self.titles:
            refuse("The document file name must be unique.")
        self.titles.add(title)
        self.documents += 1
        self.others += 1

    def _read_call(self, call: JSON, place: str) -> None:
        if self.role != "assistant":
            refuse(f"A toolUse block at {place} is only allowed in assistant messages.")
        name = check_tool_name(call.get("name"), f"{place}.member.toolUse.name")
        if not isinstance(call.get("input"), dict):
            refuse(
                f"The format of the value at {place}.toolUse.input is invalid. Provide "
                "a json object for the field and try again."
            )
        self.called.append(_id(call, place))
        self.texts += [name, orjson.dumps(call["input"]).decode()]

    def _read_result(self, result: JSON, place: str) -> None:
        if self.role != "user":
            refuse(f"A toolResult block at {place} is only allowed in user messages.")
        self.answered.append(_id(result, place))
        inner = _Reader(self.model, "user", self.titles)
        for number, block in enumerate(result["content"]):
            if "json" in block:
                inner.texts.append(orjson.dumps(block["json"]).decode())
            else:
                inner.read(block, f"{place}.toolResult.content.{number}")
        text = " ".join(inner.texts)
        self.results.append(Turn("tool", text, inner.images, inner.others))

    def _check_reasoning(self, content: JSON, place: str) -> None:
        said = content.get("reasoningText")
        if said is None:
            refuse(f"{place}: Invalid `data` in `redacted_thinking` block")
        if not is_signed(SIGNER, self.model, said["text"], said.get("signature")):
            refuse(f"{place}: Invalid `signature` in `thinking` block")


def _text(text: Any, place: str) -> str:
    if not isinstance(text, str) or not text.strip():
        refuse(
            f"The text field in the ContentBlock object at {place} is blank. Add text "
            "to the text field, and try again."
        )
    return text


def _source(value: JSON) -> bool:
    source = value.get("source") or {}
    return bool(source.get("bytes") or source.get("s3Location"))


def _id(value: JSON, place: str) -> str:
    found = value.get("toolUseId")
    if not isinstance(found, str) or not _ID.fullmatch(found):
        refuse(
            f"Value '{found}' at '{place}.toolUseId' failed to satisfy constraint: "
            "Member must satisfy regular expression pattern: [a-zA-Z0-9_.:-]+"
        )
    return found
