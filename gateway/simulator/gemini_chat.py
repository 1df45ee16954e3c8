"""Gemini's generateContent: requests in, answers and their pieces out."""

from collections.abc import Iterator
from typing import Self

import orjson

from gateway.simulator.gemini_protocol import GeminiProtocol
from gateway.simulator.gemini_request import parse, parse_count
from gateway.simulator.gemini_turns import SIGNER, signed_text
from gateway.simulator.signatures import signature_of
from gateway.simulator.transcript import tokens_in
from gateway.simulator.types import (
    JSON,
    Answer,
    Ask,
    Choice,
    Glance,
    Head,
    Stream,
    ToolCall,
    Usage,
)

_CATEGORIES = ("HARASSMENT", "HATE_SPEECH", "SEXUALLY_EXPLICIT", "DANGEROUS_CONTENT")


class GeminiChat(GeminiProtocol):
    """The protocol `gemini_generate`."""

    @classmethod
    def streaming(cls, head: Head, model: str) -> Self:
        return cls(head, model, stream=True)

    def glance(self, body: JSON) -> Glance:
        return Glance(self.model, self.stream, is_chat=not self.is_array)

    def parse(self, body: JSON) -> Ask:
        ask = parse(body, self.model)
        ask.stream = self.stream
        return ask

    def build_body(self, answer: Answer) -> bytes:
        body: JSON = {}
        if answer.choices:
            body["candidates"] = [
                _candidate(_parts(answer, choice), index, _finish_reason(choice))
                for index, choice in enumerate(answer.choices)
            ]
        else:
            body |= _blocked()
        return orjson.dumps(body | _tail(answer, answer.usage))

    def build_stream(self, answer: Answer, ask: Ask) -> Stream:
        if not answer.choices:
            only = _blocked() | _tail(answer, answer.usage)
            return self._stream([], [only])
        events, finish = [], []
        for index, choice in enumerate(answer.choices):
            for parts, usage in _chunks(answer, choice):
                candidate = _candidate(parts, index, None)
                events.append({"candidates": [candidate]} | _tail(answer, usage))
            candidate = _candidate(
                _last_parts(answer, choice), index, _finish_reason(choice)
            )
            tail = _tail(answer, answer.usage)
            finish.append({"candidates": [candidate]} | tail)
        return self._stream(events, finish)

    def _stream(self, events: list[JSON], finish: list[JSON]) -> Stream:
        framed = [
            self.framed(data, is_first=not number)
            for number, data in enumerate([*events, *finish])
        ]
        terminator = [b"]"] if self.is_array else []
        return Stream(framed[: len(events)], framed[len(events) :], [], terminator)


class GeminiCount(GeminiProtocol):
    """The protocol `gemini_count`: free of charge."""

    name = "gemini_count"

    def parse(self, body: JSON) -> Ask:
        return parse_count(body, self.model)

    def build_body(self, answer: Answer) -> bytes:
        if answer.usage is None:
            return b"{}"
        tokens = answer.usage.prompt_tokens
        return orjson.dumps(
            {"totalTokens": tokens, "promptTokensDetails": _text(tokens)}
        )


def _tail(answer: Answer, usage: Usage | None) -> JSON:
    tail: JSON = {"modelVersion": answer.model, "responseId": answer.id}
    if usage is not None:
        tail["usageMetadata"] = _usage(usage)
    return tail


def _usage(usage: Usage) -> JSON:
    made: JSON = {
        "promptTokenCount": usage.prompt_tokens,
        "candidatesTokenCount": usage.completion_tokens - usage.reasoning_tokens,
        "totalTokenCount": usage.prompt_tokens + usage.completion_tokens,
        "promptTokensDetails": _text(usage.prompt_tokens),
    }
    if usage.cached_tokens:
        made["cachedContentTokenCount"] = usage.cached_tokens
        made["cacheTokensDetails"] = _text(usage.cached_tokens)
    if usage.reasoning_tokens:
        made["thoughtsTokenCount"] = usage.reasoning_tokens
    return made


def _text(tokens: int) -> list[JSON]:
    return [{"modality": "TEXT", "tokenCount": tokens}]


def _blocked() -> JSON:
    ratings: list[JSON] = [
        {"category": f"HARM_CATEGORY_{name}", "probability": "NEGLIGIBLE"}
        for name in _CATEGORIES
    ]
    ratings[-1] |= {"probability": "HIGH", "blocked": True}
    return {"promptFeedback": {"blockReason": "SAFETY", "safetyRatings": ratings}}


def _candidate(parts: list[JSON], index: int, finish_reason: str | None) -> JSON:
    content: JSON = {"role": "model"}
    # An answer that has nothing to say has no parts at all.
    if parts:
        content["parts"] = parts
    candidate: JSON = {"content": content, "index": index}
    if finish_reason is not None:
        candidate["finishReason"] = finish_reason
    return candidate


def _finish_reason(choice: Choice) -> str:
    if choice.is_refusal:
        return "SAFETY"
    return "MAX_TOKENS" if choice.finish_reason == "length" else "STOP"


def _parts(answer: Answer, choice: Choice) -> list[JSON]:
    parts: list[JSON] = []
    if choice.thoughts:
        parts.append({"text": "".join(choice.thoughts), "thought": True})
    if choice.pieces:
        parts.append({"text": "".join(choice.pieces), **_signed(answer, choice)})
    return [*parts, *_calls(answer, choice)]


def _calls(answer: Answer, choice: Choice) -> list[JSON]:
    """Return the calls; the first of them alone is signed."""
    parts = []
    for number, call in enumerate(choice.tool_calls):
        part: JSON = {"functionCall": _call(call)}
        if not number:
            part |= _signed(answer, choice, part["functionCall"])
        parts.append(part)
    return parts


def _call(call: ToolCall) -> JSON:
    return {
        "id": call.id.removeprefix("call_"),
        "name": call.name,
        "args": orjson.loads(call.arguments),
    }


def _signed(answer: Answer, choice: Choice, call: JSON | None = None) -> JSON:
    """Return the signature to put beside a text or a call, if there was a thought."""
    if choice.thoughts is None:
        return {}
    said = "".join(choice.pieces)
    signature = signature_of(SIGNER, answer.model, signed_text(call), said)
    return {"thoughtSignature": signature}


def _chunks(
    answer: Answer, choice: Choice
) -> Iterator[tuple[list[JSON], Usage | None]]:
    """Yield the parts of each event with the usage so far."""
    said = ""
    for piece in choice.thoughts or []:
        yield [{"text": piece, "thought": True}], _so_far(answer, said)
    for piece in choice.pieces:
        said += piece
        yield [{"text": piece}], _so_far(answer, said)
    for part in _calls(answer, choice):
        yield [part], _so_far(answer, said)


def _so_far(answer: Answer, said: str) -> Usage | None:
    if (whole := answer.usage) is None:
        return None
    return Usage(
        prompt_tokens=whole.prompt_tokens,
        completion_tokens=tokens_in(said) + whole.reasoning_tokens,
        cached_tokens=whole.cached_tokens,
        reasoning_tokens=whole.reasoning_tokens,
    )


def _last_parts(answer: Answer, choice: Choice) -> list[JSON]:
    """Return the end of a stream: no further words, but a text's signature."""
    if choice.tool_calls:
        return []
    return [{"text": "", **_signed(answer, choice)}]
