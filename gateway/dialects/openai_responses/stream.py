"""A streamed answer as the events of a response."""

import time
from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

from gateway.canonical import (
    Began,
    ChatRequest,
    Chunk,
    Cited,
    Ended,
    Finished,
    FinishReason,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolArgumentsDelta,
    ToolCallBegan,
    Used,
)
from gateway.dialects.openai_responses.answers import Envelope
from gateway.dialects.openai_responses.events import Events
from gateway.dialects.openai_responses.seals import seal_of_call
from gateway.dialects.openai_responses.streamed_items import (
    CallItem,
    Item,
    MessageItem,
    ReasoningItem,
)
from usage.tokens import Tokens

_I = TypeVar("_I", bound=Item)


class StreamBuilder:
    """Writes chunks as events; the usage is in the last one, asked for or not.

    Items come one after another, except tool calls: one stays open until its arguments
    are complete, since some providers write several at a time.
    """

    def __init__(
        self,
        answer_id: str,
        created: int,
        model: str,
        *,
        with_usage: bool,
        request: ChatRequest | None = None,
    ) -> None:
        self._envelope = Envelope(answer_id, created, model, request)
        self._events = Events()
        self._has_begun = False
        self._items: list[Item] = []
        self._current: MessageItem | ReasoningItem | None = None
        self._calls: dict[int, CallItem] = {}
        self._cited: MessageItem | None = None
        self._waiting: list[Cited] = []
        self._length = 0
        self._finish: FinishReason = "stop"
        self._tokens: Tokens | None = None

    def write(self, chunk: Chunk) -> bytes:
        """Return the events for a chunk; maybe none."""
        if getattr(chunk, "choice", 0) != 0:
            return b""
        self._WRITERS[type(chunk)](self, chunk)
        return self._events.taken()

    def close(self) -> bytes:
        """Return what ends the answer: open items, then all of it once more."""
        self._begin()
        status = "incomplete" if self._finish == "length" else "completed"
        last = self._items[-1] if self._items else None
        for item in self._items:
            item.close(self._events, status if item is last else "completed")
        output = [item.written for item in self._items]
        response = self._envelope.write(
            output, self._tokens, finish=self._finish, ended=int(time.time())
        )
        self._events.add(f"response.{response['status']}", {"response": response})
        return self._events.taken()

    def _begin(self, _chunk: Began | None = None) -> None:
        if self._has_begun:
            return
        self._has_begun = True
        response = self._envelope.write([], None, finish=None, ended=None)
        self._events.add("response.created", {"response": response})
        self._events.add("response.in_progress", {"response": response})

    def _text(self, chunk: TextDelta) -> None:
        if chunk.text:
            message = self._message()
            message.add_text(self._events, chunk.text, chunk.logprobs, self._length)
            self._length += len(chunk.text)
            self._cited = message
            if self._waiting:
                waiting, self._waiting = self._waiting, []
                for cited in waiting:
                    self._cite(cited)

    def _refusal(self, chunk: RefusalDelta) -> None:
        if chunk.text:
            self._message().add_refusal(self._events, chunk.text)

    def _message(self) -> MessageItem:
        if isinstance(self._current, MessageItem):
            return self._current
        message = self._add(MessageItem(*self._next("msg")))
        self._current = message
        return message

    def _reasoning(self, chunk: ReasoningDelta) -> None:
        """Write the text as it comes; a signature or a seal closes the item."""
        if not (chunk.text or chunk.signature or chunk.sealed):
            return
        item = self._current
        if not isinstance(item, ReasoningItem):
            item = self._add(ReasoningItem(*self._next("rs")))
            self._current = item
        item.add(self._events, chunk)
        if chunk.signature or chunk.sealed:
            item.close(self._events, "completed")
            self._current = None

    def _call(self, chunk: ToolCallBegan) -> None:
        if chunk.call in self._calls:
            return
        call_id = chunk.id or self._envelope.item_id("call", len(self._items))
        if chunk.signature:
            keeper = self._add(ReasoningItem(*self._next("rs")))
            keeper.sealed = seal_of_call(call_id, chunk.signature)
            keeper.close(self._events, "completed")
        call = CallItem(*self._next("fc"), call_id=call_id, name=chunk.name)
        self._calls[chunk.call] = self._add(call)

    def _arguments(self, chunk: ToolArgumentsDelta) -> None:
        call = self._calls.get(chunk.call)
        if call is not None and chunk.text:
            call.add(self._events, chunk.text)

    def _cite(self, chunk: Cited) -> None:
        if self._cited is None:
            self._waiting.append(chunk)
        else:
            self._cited.annotate(self._events, chunk.citation)

    def _finished(self, chunk: Finished) -> None:
        self._begin()
        self._finish = chunk.finish_reason

    def _used(self, chunk: Used) -> None:
        self._tokens = chunk.tokens

    def _ended(self, _chunk: Ended) -> None:
        """Say nothing: what ends the stream is written when it is closed."""

    def _next(self, kind: str) -> tuple[str, int]:
        """Return the id and the index of the item that comes next."""
        index = len(self._items)
        return self._envelope.item_id(kind, index), index

    def _add(self, item: _I) -> _I:
        """Open an item after closing those that can have come to their end."""
        self._begin()
        if self._current is not None:
            self._current.close(self._events, "completed")
            self._current = None
        for call in self._calls.values():
            if call.may_end:
                call.close(self._events, "completed")
        self._items.append(item)
        item.open(self._events)
        return item

    _WRITERS: ClassVar[dict[type, Callable[["StreamBuilder", Any], None]]] = {
        Began: _begin,
        TextDelta: _text,
        RefusalDelta: _refusal,
        ReasoningDelta: _reasoning,
        ToolCallBegan: _call,
        ToolArgumentsDelta: _arguments,
        Cited: _cite,
        Finished: _finished,
        Used: _used,
        Ended: _ended,
    }
