"""The items of a streamed answer: each writes its own events and keeps what it said."""

from abc import ABC, abstractmethod
from typing import Any

import orjson

from gateway.canonical import Citation, Reasoning, ReasoningDelta
from gateway.dialects.openai_responses.answers import (
    annotation_of,
    call_item,
    message_item,
    reasoning_item,
    refusal_part,
    summary_part,
    text_part,
    tokens_in,
)
from gateway.dialects.openai_responses.events import Events, head_of
from gateway.dialects.openai_responses.seals import seal_of
from gateway.types import JSON


class Item(ABC):
    """An item of the output. `written` is all of it, once it is closed."""

    def __init__(self, item_id: str, index: int) -> None:
        self.id = item_id
        self.written: JSON = {}
        self._at: JSON = {"item_id": item_id, "output_index": index}
        self._index = index

    def open(self, events: Events) -> None:
        self._added(events, self._opening())

    def close(self, events: Events, status: str) -> None:
        """Write the end of the item, once."""
        if self.written:
            return
        self._end(events)
        self.written = self._whole(status)
        events.add(
            "response.output_item.done",
            {"output_index": self._index, "item": self.written},
        )

    def _added(self, events: Events, item: JSON) -> None:
        events.add(
            "response.output_item.added", {"output_index": self._index, "item": item}
        )

    @abstractmethod
    def _opening(self) -> JSON: ...

    @abstractmethod
    def _end(self, events: Events) -> None: ...

    @abstractmethod
    def _whole(self, status: str) -> JSON: ...


class MessageItem(Item):
    """A message: parts of text and refusal, one open at a time."""

    def __init__(self, item_id: str, index: int) -> None:
        super().__init__(item_id, index)
        self._parts: list[JSON] = []
        self._pieces: list[str] = []
        self._kind = ""
        self._delta = b""
        self._base = 0
        self._cited: tuple[int, JSON] | None = None

    def add_text(
        self, events: Events, text: str, logprobs: JSON | None, base: int
    ) -> None:
        """Add a piece; `base` is the length of all text before it."""
        if self._kind != "output_text":
            self._begin(events, "output_text", text_part("", [], []))
            self._base = base
        self._pieces.append(text)
        if logprobs is None:
            events.add_delta(self._delta, text)
            return
        tokens = tokens_in(logprobs)
        self._parts[-1]["logprobs"] += tokens
        delta = {**self._place(), "delta": text, "logprobs": tokens}
        events.add("response.output_text.delta", delta)

    def add_refusal(self, events: Events, text: str) -> None:
        if self._kind != "refusal":
            self._begin(events, "refusal", refusal_part(""))
        self._pieces.append(text)
        events.add_delta(self._delta, text)

    def annotate(self, events: Events, citation: Citation) -> None:
        """Give the citation to the last text, ended or not."""
        index, part = self._texts()[-1]
        annotation = annotation_of(citation, self._base)
        part["annotations"].append(annotation)
        events.add(
            "response.output_text.annotation.added",
            {
                **self._at,
                "content_index": index,
                "annotation_index": len(part["annotations"]) - 1,
                "annotation": annotation,
            },
        )

    def _texts(self) -> list[tuple[int, JSON]]:
        parts = enumerate(self._parts)
        return [(at, part) for at, part in parts if part["type"] == "output_text"]

    def _place(self) -> JSON:
        return {**self._at, "content_index": len(self._parts) - 1}

    def _begin(self, events: Events, kind: str, part: JSON) -> None:
        self._end(events)
        self._kind = kind
        self._parts.append(part)
        place = self._place()
        events.add("response.content_part.added", {**place, "part": part})
        name = f"response.{kind}.delta"
        if kind == "output_text":
            place = {**place, "logprobs": []}
        self._delta = head_of(name, place)

    def _end(self, events: Events) -> None:
        if not self._kind:
            return
        kind, self._kind = self._kind, ""
        text = "".join(self._pieces)
        self._pieces = []
        part, place = self._parts[-1], self._place()
        said: dict[str, Any] = {"refusal": text}
        if kind == "output_text":
            said = {"text": text, "logprobs": part["logprobs"]}
            part["text"] = text
        else:
            part["refusal"] = text
        events.add(f"response.{kind}.done", {**place, **said})
        events.add("response.content_part.done", {**place, "part": part})

    def _opening(self) -> JSON:
        return message_item(self.id, "in_progress", [])

    def _whole(self, status: str) -> JSON:
        return message_item(self.id, status, self._parts)


class ReasoningItem(Item):
    """Reasoning, told as a summary of one part."""

    def __init__(self, item_id: str, index: int) -> None:
        super().__init__(item_id, index)
        self.sealed = ""
        self._pieces: list[str] = []
        self._protocol = ""
        self._place: JSON = {**self._at, "summary_index": 0}
        self._delta = head_of("response.reasoning_summary_text.delta", self._place)

    def add(self, events: Events, chunk: ReasoningDelta) -> None:
        self._protocol = chunk.protocol or self._protocol
        if chunk.text:
            if not self._pieces:
                events.add(
                    "response.reasoning_summary_part.added",
                    {**self._place, "part": summary_part("")},
                )
            self._pieces.append(chunk.text)
            events.add_delta(self._delta, chunk.text)
        if chunk.signature or chunk.sealed:
            self.sealed = seal_of(
                Reasoning("", chunk.signature, chunk.sealed, self._protocol)
            )

    def _end(self, events: Events) -> None:
        if not self.sealed:
            # Whose it is tells whether it may be handed back.
            self.sealed = seal_of(Reasoning(protocol=self._protocol))
        if not self._pieces:
            return
        text = "".join(self._pieces)
        events.add(
            "response.reasoning_summary_text.done", {**self._place, "text": text}
        )
        events.add(
            "response.reasoning_summary_part.done",
            {**self._place, "part": summary_part(text)},
        )

    def _opening(self) -> JSON:
        return reasoning_item(self.id, "", "")

    def _whole(self, status: str) -> JSON:
        return reasoning_item(self.id, "".join(self._pieces), self.sealed)


class CallItem(Item):
    """A call of a function."""

    def __init__(self, item_id: str, index: int, *, call_id: str, name: str) -> None:
        super().__init__(item_id, index)
        self._call_id = call_id
        self._name = name
        self._pieces: list[str] = []
        self._delta = head_of("response.function_call_arguments.delta", self._at)

    @property
    def may_end(self) -> bool:
        """Whether no more can come: a call is complete when its arguments are."""
        if self.written or not "".join(self._pieces[-1:]).rstrip().endswith("}"):
            return False
        try:
            return type(orjson.loads("".join(self._pieces))) is dict
        except orjson.JSONDecodeError:
            return False

    def add(self, events: Events, text: str) -> None:
        if self.written:
            return
        self._pieces.append(text)
        events.add_delta(self._delta, text)

    def _end(self, events: Events) -> None:
        if not self._pieces:
            # A call of a function without parameters.
            self.add(events, "{}")
        events.add(
            "response.function_call_arguments.done",
            {**self._at, "name": self._name, "arguments": "".join(self._pieces)},
        )

    def _opening(self) -> JSON:
        return call_item(self.id, "in_progress", self._call_id, self._name, "")

    def _whole(self, status: str) -> JSON:
        told = "".join(self._pieces)
        return call_item(self.id, status, self._call_id, self._name, told)
