"""A whole answer as a response."""

import time
from collections.abc import Sequence

import msgspec
import orjson

from gateway.canonical import (
    ChatRequest,
    ChatResult,
    Choice,
    Citation,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
)
from gateway.dialects.openai_responses.answers import (
    Envelope,
    annotation_of,
    call_item,
    message_item,
    reasoning_item,
    refusal_part,
    text_part,
    tokens_in,
)
from gateway.dialects.openai_responses.seals import seal_of, seal_of_call
from gateway.types import JSON, UpstreamReply


def build_response(
    result: ChatResult,
    answer_id: str,
    created: int,
    model: str,
    request: ChatRequest | None = None,
) -> bytes:
    """Return the answer, of which this protocol has one: the first choice."""
    envelope = Envelope(answer_id, created, model, request)
    choice = min(result.choices, key=lambda choice: choice.index, default=None)
    if choice is None:
        choice = Choice((), "stop")
    items = _Items(envelope, choice, result.citations).items
    return orjson.dumps(
        envelope.write(
            items,
            result.tokens,
            finish=choice.finish_reason,
            ended=max(int(time.time()), created),
        )
    )


def build_reply(
    reply: UpstreamReply,
    request: ChatRequest,
    result: ChatResult,
    answer_id: str,
    created: int,
    model: str,
) -> UpstreamReply:
    """Return the answer with what the request asked for, as clients expect to see it."""
    body = build_response(result, answer_id, created, model, request)
    return msgspec.structs.replace(reply, body=body)


class _Items:
    """The output: what is said in a row is one message."""

    def __init__(
        self, envelope: Envelope, choice: Choice, citations: Sequence[Citation]
    ) -> None:
        self.items: list[JSON] = []
        self._envelope = envelope
        self._logprobs = tokens_in(choice.logprobs)
        # Each text with where it begins in all of the text.
        self._texts: list[tuple[JSON, int]] = []
        self._length = 0
        for part in choice.parts:
            match part:
                case Text(text=text) if text:
                    self._text(text)
                case Refusal(text=text) if text:
                    self._content().append(refusal_part(text))
                case Reasoning():
                    self._reason(part.text, seal_of(part))
                case ToolCall():
                    self._call(part)
        for citation in citations:
            self._cite(citation)
        if choice.finish_reason == "length" and self.items:
            last = self.items[-1]
            if "status" in last:
                last["status"] = "incomplete"

    def _text(self, text: str) -> None:
        content = self._content()
        if content and content[-1]["type"] == "output_text":
            content[-1]["text"] += text
        else:
            part = text_part(text, [], self._logprobs)
            # They are of all the text, and of one part only.
            self._logprobs = []
            content.append(part)
            self._texts.append((part, self._length))
        self._length += len(text)

    def _content(self) -> list[JSON]:
        """Return the content of the message that is being written."""
        if not self.items or self.items[-1]["type"] != "message":
            self.items.append(message_item(self._id("msg"), "completed", []))
        content: list[JSON] = self.items[-1]["content"]
        return content

    def _reason(self, text: str, sealed: str) -> None:
        if text or sealed:
            self.items.append(reasoning_item(self._id("rs"), text, sealed))

    def _call(self, call: ToolCall) -> None:
        call_id = call.id or self._id("call")
        if call.signature:
            self._reason("", seal_of_call(call_id, call.signature))
        self.items.append(
            call_item(
                self._id("fc"), "completed", call_id, call.name, call.arguments or "{}"
            )
        )

    def _cite(self, citation: Citation) -> None:
        """Annotate the text that the citation points into; the first if it says nothing."""
        for part, base in reversed(self._texts):
            if base <= citation.start or base == 0:
                part["annotations"].append(annotation_of(citation, base))
                return

    def _id(self, kind: str) -> str:
        return self._envelope.item_id(kind, len(self.items))
