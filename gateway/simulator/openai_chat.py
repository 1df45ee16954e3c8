"""OpenAI's chat completions: requests in, answers, events and errors out."""

from typing import Any

import orjson

from gateway.simulator.openai_request import parse as parse_request
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

_DONE = b"data: [DONE]\n\n"
_ARGUMENT_PARTS = 3
_ERRORS: dict[str, tuple[str, str | None]] = {
    "rate_limit": ("requests", "rate_limit_exceeded"),
    "quota": ("insufficient_quota", "insufficient_quota"),
    "server": ("server_error", None),
    "gateway": ("server_error", "bad_gateway"),
    "overloaded": ("service_unavailable_error", "server_is_overloaded"),
    "auth": ("invalid_request_error", "invalid_api_key"),
    "forbidden": ("invalid_request_error", "unsupported_country_region_territory"),
    "missing": ("invalid_request_error", "model_not_found"),
    "context": ("invalid_request_error", "context_length_exceeded"),
    "policy": ("invalid_request_error", "content_policy_violation"),
    "invalid": ("invalid_request_error", None),
    "bad_json": ("invalid_request_error", None),
}


class OpenAIChat:
    """The protocol `openai_chat`."""

    name = "openai_chat"
    id_header = b"x-request-id"
    stream_headers = EVENT_STREAM

    def __init__(self, head: Head) -> None:
        self.head = head

    def check_key(self) -> None:
        if self.head.header(b"authorization") == "Bearer sk-invalid":
            message = "Incorrect API key provided: sk-invalid."
            raise Refused(Failure(401, "auth", message))

    def glance(self, body: JSON) -> Glance:
        options = body.get("stream_options")
        return Glance(
            model=str(body.get("model")),
            stream=body.get("stream") is True,
            include_usage=isinstance(options, dict)
            and bool(options.get("include_usage")),
        )

    def parse(self, body: JSON) -> Ask:
        return parse_request(body)

    def build_body(self, answer: Answer) -> bytes:
        body = _head(answer, "chat.completion")
        body["choices"] = [
            {
                "index": index,
                "message": _message(choice),
                "logprobs": None,
                "finish_reason": choice.finish_reason,
            }
            for index, choice in enumerate(answer.choices)
        ]
        if answer.usage is not None:
            body["usage"] = _usage(answer.usage)
        body["service_tier"] = "default"
        body["system_fingerprint"] = "fp_simulator"
        return orjson.dumps(body)

    def build_stream(self, answer: Answer, ask: Ask) -> Stream:
        """Return the events; usage appears in them only when it was asked for."""
        head = _head(answer, "chat.completion.chunk")
        head["service_tier"] = "default"
        head["system_fingerprint"] = "fp_simulator"
        tail: JSON = {"usage": None} if ask.include_usage else {}
        events, finish = [], []
        for index, choice in enumerate(answer.choices):
            events += [_chunk(head, tail, index, d, None) for d in _deltas(choice)]
            finish.append(_chunk(head, tail, index, {}, choice.finish_reason))
        usage = []
        if ask.include_usage and answer.usage is not None:
            usage.append(_event({**head, "choices": [], "usage": _usage(answer.usage)}))
        return Stream(events, finish, usage, [_DONE])

    def build_error(self, failure: Failure) -> bytes:
        return orjson.dumps(_error(failure))

    def error_headers(self, failure: Failure) -> Headers:
        return failure.headers

    def build_error_event(self, failure: Failure, *, is_first: bool) -> bytes:
        return _event(_error(failure))


def _head(answer: Answer, kind: str) -> JSON:
    return {
        "id": f"chatcmpl-{answer.id}",
        "object": kind,
        "created": answer.created,
        "model": answer.model,
    }


def _message(choice: Choice) -> JSON:
    text = "".join(choice.pieces)
    message: JSON = {
        "role": "assistant",
        "content": None if choice.is_refusal or choice.tool_calls else text,
        "refusal": text if choice.is_refusal else None,
        "annotations": [],
    }
    if choice.tool_calls:
        message["tool_calls"] = [_tool_call(call) for call in choice.tool_calls]
    return message


def _tool_call(call: ToolCall) -> JSON:
    if call.is_custom:
        custom = {"name": call.name, "input": call.arguments}
        return {"id": call.id, "type": "custom", "custom": custom}
    function = {"name": call.name, "arguments": call.arguments}
    return {"id": call.id, "type": "function", "function": function}


def _deltas(choice: Choice) -> list[JSON]:
    """Return what changes from event to event, the role first."""
    key = "refusal" if choice.is_refusal else "content"
    content = None if choice.tool_calls or choice.is_refusal else ""
    deltas: list[JSON] = [{"role": "assistant", "content": content, "refusal": None}]
    deltas += [{key: piece} for piece in choice.pieces]
    for number, call in enumerate(choice.tool_calls):
        kind, text = (
            ("custom", "input") if call.is_custom else ("function", "arguments")
        )
        first: JSON = {"index": number, "id": call.id, "type": kind}
        first[kind] = {"name": call.name, text: ""}
        deltas.append({"tool_calls": [first]})
        size = max(1, -(-len(call.arguments) // _ARGUMENT_PARTS))
        for at in range(0, len(call.arguments), size):
            part = {"index": number, kind: {text: call.arguments[at : at + size]}}
            deltas.append({"tool_calls": [part]})
    return deltas


def _chunk(
    head: JSON, tail: JSON, index: int, delta: JSON, finish_reason: str | None
) -> bytes:
    choice: JSON = {
        "index": index,
        "delta": delta,
        "logprobs": None,
        "finish_reason": finish_reason,
    }
    return _event({**head, "choices": [choice], **tail})


def _usage(usage: Usage) -> JSON:
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        "prompt_tokens_details": {
            "cached_tokens": usage.cached_tokens,
            "cache_write_tokens": usage.cache_write_tokens,
            "audio_tokens": 0,
        },
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning_tokens,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _error(failure: Failure) -> dict[str, Any]:
    kind, code = _ERRORS.get(failure.kind, ("invalid_request_error", failure.kind))
    return {
        "error": {
            "message": failure.message,
            "type": kind,
            "param": failure.param,
            "code": code,
        }
    }


def _event(data: JSON) -> bytes:
    return b"data: " + orjson.dumps(data) + b"\n\n"
