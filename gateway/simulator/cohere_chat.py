"""Cohere's chat: requests in; messages, events and errors out."""

import orjson

from gateway.simulator.cohere_protocol import CohereProtocol, event
from gateway.simulator.cohere_request import parse
from gateway.simulator.types import JSON, Answer, Ask, Choice, Glance, Stream, Usage

# What the provider adds to a prompt and does not bill.
TEMPLATE_TOKENS = 66
_ARGUMENT_PARTS = 3
_LOGPROB = -0.25


class CohereChat(CohereProtocol):
    """The protocol `cohere_chat`."""

    name = "cohere_chat"
    # What the answer may cite: the results of tools by their ids, documents by theirs.
    sources: tuple[JSON, ...] = ()
    has_logprobs = False

    def glance(self, body: JSON) -> Glance:
        return Glance(str(body.get("model")), body.get("stream") is True)

    def parse(self, body: JSON) -> Ask:
        ask, self.sources = parse(body)
        self.has_logprobs = body.get("logprobs") is True
        return ask

    def build_body(self, answer: Answer) -> bytes:
        made: JSON = {"id": answer.id}
        for choice in answer.choices:
            made["finish_reason"] = _finish_reason(choice)
            made["message"] = self._message(choice)
            if self.has_logprobs:
                made["logprobs"] = [_logprob(piece) for piece in choice.pieces]
        if answer.usage is not None:
            made["usage"] = usage_of(answer.usage)
        return orjson.dumps(made)

    def build_stream(self, answer: Answer, ask: Ask) -> Stream:
        role = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": []}
        start: JSON = {"id": answer.id, "delta": {"message": role}}
        events = [event("message-start", start)]
        ending: JSON = {}
        for choice in answer.choices:
            events += self._content(choice)
            events += _calls(choice)
            ending["finish_reason"] = _finish_reason(choice)
        if answer.usage is not None:
            ending["usage"] = usage_of(answer.usage)
        end = event("message-end", {"id": answer.id, "delta": ending})
        return Stream(events, [], [], [end])

    def _message(self, choice: Choice) -> JSON:
        message: JSON = {"role": "assistant"}
        content: list[JSON] = []
        if choice.thoughts is not None:
            content.append({"type": "thinking", "thinking": "".join(choice.thoughts)})
        if choice.pieces:
            content.append({"type": "text", "text": "".join(choice.pieces)})
        if content:
            message["content"] = content
        if choice.tool_calls:
            message["tool_plan"] = "".join(_plan(choice))
            message["tool_calls"] = [
                {
                    "id": call.id,
                    "type": "function",
                    "function": {"name": call.name, "arguments": call.arguments},
                }
                for call in choice.tool_calls
            ]
        if citations := self._citations(choice):
            message["citations"] = citations
        return message

    def _content(self, choice: Choice) -> list[bytes]:
        events: list[bytes] = []
        index = 0
        for kind, pieces in (("thinking", choice.thoughts), ("text", choice.pieces)):
            if not pieces:
                continue
            at: JSON = {"index": index}
            empty = {"type": kind, kind: ""}
            events.append(_event("content-start", at, content=empty))
            for piece in pieces:
                figures = self.has_logprobs and kind == "text"
                extra = {"logprobs": _logprob(piece)} if figures else {}
                events.append(
                    _event("content-delta", {**at, **extra}, content={kind: piece})
                )
            events.append(event("content-end", at))
            index += 1
        for number, citation in enumerate(self._citations(choice)):
            at = {"index": number}
            events.append(_event("citation-start", at, citations=citation))
            events.append(event("citation-end", at))
        return events

    def _citations(self, choice: Choice) -> list[JSON]:
        """Return where the answer repeats what a source says."""
        said = "".join(choice.pieces)
        index = 0 if choice.thoughts is None else 1
        found = []
        for source in self.sources:
            words = " ".join(source["said"].split())[:80]
            if words and (start := said.find(words)) >= 0:
                found.append(
                    {
                        "start": start,
                        "end": start + len(words),
                        "text": words,
                        "sources": [source["source"]],
                        "type": "TEXT_CONTENT",
                        "content_index": index,
                    }
                )
        return found


def usage_of(usage: Usage) -> JSON:
    """Return the usage, which is told as floats."""
    prompt, completion = float(usage.prompt_tokens), float(usage.completion_tokens)
    return {
        "billed_units": {"input_tokens": prompt, "output_tokens": completion},
        "tokens": {
            "input_tokens": prompt + TEMPLATE_TOKENS if prompt > 0 else prompt,
            "output_tokens": completion,
        },
        "cached_tokens": float(usage.cached_tokens),
    }


def _plan(choice: Choice) -> list[str]:
    """Return what a model that does not reason says before it calls a tool."""
    if choice.thoughts is not None or not choice.tool_calls:
        return []
    names = ", ".join(call.name for call in choice.tool_calls)
    return ["I will ", f"call {names}."]


def _calls(choice: Choice) -> list[bytes]:
    events = [_event("tool-plan-delta", {}, tool_plan=piece) for piece in _plan(choice)]
    for index, call in enumerate(choice.tool_calls):
        at: JSON = {"index": index}
        # An object here, and a list in whole answers.
        begun: JSON = {
            "id": call.id,
            "type": "function",
            "function": {"name": call.name, "arguments": ""},
        }
        events.append(_event("tool-call-start", at, tool_calls=begun))
        size = max(1, -(-len(call.arguments) // _ARGUMENT_PARTS))
        for start in range(0, len(call.arguments), size):
            part = {"function": {"arguments": call.arguments[start : start + size]}}
            events.append(_event("tool-call-delta", at, tool_calls=part))
        events.append(event("tool-call-end", at))
    return events


def _event(name: str, data: JSON, **message: object) -> bytes:
    return event(name, {**data, "delta": {"message": message}})


def _finish_reason(choice: Choice) -> str:
    if choice.stopped_by is not None:
        return "STOP_SEQUENCE"
    reasons = {"tool_calls": "TOOL_CALL", "length": "MAX_TOKENS"}
    return reasons.get(choice.finish_reason, "COMPLETE")


def _logprob(piece: str) -> JSON:
    return {"text": piece, "token_ids": [len(piece)], "logprobs": [_LOGPROB]}
