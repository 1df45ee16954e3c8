"""Anthropic's Messages: requests in; messages, events and errors out."""

import orjson

from gateway.simulator.anthropic_errors import headers_of, shape_of
from gateway.simulator.anthropic_request import caches_for_an_hour, parse
from gateway.simulator.anthropic_turns import SIGNER
from gateway.simulator.signatures import signature_of
from gateway.simulator.types import (
    EVENT_STREAM,
    JSON,
    Answer,
    Ask,
    Choice,
    Failure,
    Glance,
    Head,
    Headers,
    Refused,
    Stream,
    ToolCall,
    Usage,
)

_INVALID_KEY = "sk-invalid"
_ARGUMENT_PARTS = 3
_PING = b'event: ping\ndata: {"type":"ping"}\n\n'
_STOP_REASONS = {"tool_calls": "tool_use", "length": "max_tokens"}


class AnthropicMessages:
    """The protocol `anthropic_messages`."""

    name = SIGNER
    id_header = b"request-id"
    stream_headers = EVENT_STREAM

    def __init__(self, head: Head) -> None:
        self.head = head
        self.caches_for_an_hour = False

    def check_key(self) -> None:
        given = (
            self.head.header(b"x-api-key"),
            (self.head.header(b"authorization") or "").removeprefix("Bearer "),
        )
        if _INVALID_KEY in given:
            raise Refused(Failure(401, "auth", "invalid x-api-key"))

    def glance(self, body: JSON) -> Glance:
        return Glance(str(body.get("model")), body.get("stream") is True)

    def parse(self, body: JSON) -> Ask:
        self.caches_for_an_hour = caches_for_an_hour(body)
        return parse(body, self.head)

    def build_body(self, answer: Answer) -> bytes:
        message = self._message(answer)
        for choice in answer.choices:
            message["content"] = [whole for _, whole, _ in _blocks(answer, choice)]
            message |= _ending(choice)
        return orjson.dumps(message)

    def build_stream(self, answer: Answer, ask: Ask) -> Stream:
        started = self._message(answer)
        if answer.usage is not None:
            started["usage"]["output_tokens"] = 1
        events = [_event("message_start", {"message": started}), _PING]
        finish = []
        for choice in answer.choices:
            for index, (empty, _, deltas) in enumerate(_blocks(answer, choice)):
                at: JSON = {"index": index}
                start = {**at, "content_block": empty}
                events.append(_event("content_block_start", start))
                events += [
                    _event("content_block_delta", {**at, "delta": delta})
                    for delta in deltas
                ]
                events.append(_event("content_block_stop", at))
            ended: JSON = {"delta": _ending(choice)}
            if answer.usage is not None:
                ended["usage"] = self._usage(answer.usage)
            finish.append(_event("message_delta", ended))
        return Stream(events, finish, [], [_event("message_stop", {})])

    def error_headers(self, failure: Failure) -> Headers:
        return headers_of(failure)

    def build_error(self, failure: Failure) -> bytes:
        return orjson.dumps(shape_of(failure, self.head.request_id))

    def build_error_event(self, failure: Failure, *, is_first: bool) -> bytes:
        return _event("error", shape_of(failure, self.head.request_id))

    def _message(self, answer: Answer) -> JSON:
        """Return a message that says nothing yet."""
        message: JSON = {
            "id": f"msg_{answer.id}",
            "type": "message",
            "role": "assistant",
            "model": answer.model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "stop_details": None,
        }
        if answer.usage is not None:
            message["usage"] = self._usage(answer.usage)
        return message

    def _usage(self, usage: Usage) -> JSON:
        # What was read from a cache or written to one is not in input_tokens.
        apart = usage.cached_tokens + usage.cache_write_tokens
        if not 0 <= apart <= usage.prompt_tokens:
            apart = 0
        written, hour = usage.cache_write_tokens, self.caches_for_an_hour
        return {
            "input_tokens": usage.prompt_tokens - apart,
            "cache_creation_input_tokens": written,
            "cache_read_input_tokens": usage.cached_tokens,
            "cache_creation": {
                "ephemeral_5m_input_tokens": 0 if hour else written,
                "ephemeral_1h_input_tokens": written if hour else 0,
            },
            "output_tokens": usage.completion_tokens,
            "output_tokens_details": {"thinking_tokens": usage.reasoning_tokens},
            "server_tool_use": None,
            "service_tier": "standard",
        }


def _blocks(answer: Answer, choice: Choice) -> list[tuple[JSON, JSON, list[JSON]]]:
    """Return the blocks: each as it starts, as it is, and what changes in between."""
    blocks: list[tuple[JSON, JSON, list[JSON]]] = []
    if choice.thoughts is not None:
        blocks.append(_thinking(answer, choice, choice.thoughts))
    if choice.pieces:
        text: JSON = {"type": "text", "text": ""}
        deltas = [{"type": "text_delta", "text": piece} for piece in choice.pieces]
        blocks.append((text, {**text, "text": "".join(choice.pieces)}, deltas))
    blocks += map(_tool_use, choice.tool_calls)
    return blocks


def _thinking(
    answer: Answer, choice: Choice, thoughts: list[str]
) -> tuple[JSON, JSON, list[JSON]]:
    thought = "".join(thoughts)
    said = "".join([*choice.pieces, *(call.arguments for call in choice.tool_calls)])
    signature = signature_of(SIGNER, answer.model, thought, said)
    empty: JSON = {"type": "thinking", "thinking": "", "signature": ""}
    deltas = [{"type": "thinking_delta", "thinking": piece} for piece in thoughts]
    deltas.append({"type": "signature_delta", "signature": signature})
    return empty, {**empty, "thinking": thought, "signature": signature}, deltas


def _tool_use(call: ToolCall) -> tuple[JSON, JSON, list[JSON]]:
    suffix = call.id.removeprefix("call_")
    empty = {
        "type": "tool_use",
        "id": f"toolu_{suffix}",
        "name": call.name,
        "input": {},
    }
    arguments: JSON = orjson.loads(call.arguments)
    parts = [""]
    # A call without arguments says no more than that.
    if arguments:
        size = max(1, -(-len(call.arguments) // _ARGUMENT_PARTS))
        starts = range(0, len(call.arguments), size)
        parts += [call.arguments[at : at + size] for at in starts]
    deltas = [{"type": "input_json_delta", "partial_json": part} for part in parts]
    return empty, {**empty, "input": arguments}, deltas


def _ending(choice: Choice) -> JSON:
    details = None
    if choice.is_refusal:
        reason, explanation = "refusal", "".join(choice.pieces)
        details = {"type": "refusal", "category": None, "explanation": explanation}
    elif choice.stopped_by is not None:
        reason = "stop_sequence"
    else:
        reason = _STOP_REASONS.get(choice.finish_reason, "end_turn")
    return {
        "stop_reason": reason,
        "stop_sequence": choice.stopped_by,
        "stop_details": details,
    }


def _event(name: str, data: JSON) -> bytes:
    text = orjson.dumps({"type": name, **data})
    return b"event: %b\ndata: %b\n\n" % (name.encode(), text)
