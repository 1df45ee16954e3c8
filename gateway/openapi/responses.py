"""How POST /v1/responses is described."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema

from gateway.openapi.headers import INFERENCE
from gateway.openapi.json_schemas import component
from gateway.openapi.refusals import refusals

_ASKED = {"model": "fast", "input": "Hello!"}
_MESSAGE = {
    "id": "msg_9b1deb4d0",
    "type": "message",
    "status": "completed",
    "role": "assistant",
    "content": [
        {
            "type": "output_text",
            "text": "Hello to you.",
            "annotations": [],
            "logprobs": [],
        }
    ],
}
_ANSWERED = {
    "id": "resp_9b1deb4d",
    "object": "response",
    "created_at": 1767225600,
    "status": "completed",
    "model": "sim-chat",
    "output": [_MESSAGE],
    "usage": {
        "input_tokens": 2,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": 4,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 6,
    },
}
_EVENT = {
    "type": "response.output_text.delta",
    "sequence_number": 4,
    "item_id": "msg_9b1deb4d0",
    "output_index": 0,
    "content_index": 0,
    "delta": "Hello",
    "logprobs": [],
}

_TEXT = {"type": "string"}
_OBJECT = {"type": "object", "additionalProperties": True}
_REQUEST: dict[str, Any] = {
    "type": "object",
    "properties": {
        "model": {
            "type": "string",
            "description": (
                "An alias, `provider/model_id`, or a bare model id that one provider "
                "serves. Without it the project's default alias is used."
            ),
            "example": "fast",
        },
        "input": {
            "oneOf": [_TEXT, {"type": "array", "minItems": 1, "items": _OBJECT}],
            "description": (
                "A text, or all that was said so far as items: messages, function calls "
                "and their outputs, reasoning."
            ),
        },
        "stream": {
            "type": ["boolean", "null"],
            "default": False,
            "description": "Answer with server-sent events.",
        },
        "max_output_tokens": {
            "type": ["integer", "null"],
            "minimum": 1,
            "description": (
                "Bound of the answer; also what a token limit is charged beforehand."
            ),
        },
        "models": {
            "type": "array",
            "maxItems": 20,
            "items": _TEXT,
            "description": (
                "Further models or aliases, asked in this order when the first fails. "
                "Not forwarded."
            ),
        },
        "provider": component("ProviderPreferences"),
    },
    "additionalProperties": True,
}

responses_schema = extend_schema(
    operation_id="create_response",
    summary="Answer a conversation (Responses)",
    description=(
        "OpenAI's Responses, for any model: relayed where the target speaks them too, "
        "translated where it does not. What OpenAI keeps or runs itself "
        "(`previous_response_id`, `conversation`, `prompt`, `background`, its own "
        "tools) needs a target that speaks them. Also at `/openai/v1/responses`."
    ),
    tags=["OpenAI"],
    parameters=INFERENCE,
    request={"application/json": _REQUEST},
    responses={
        (200, "application/json"): OpenApiResponse(_OBJECT, "The response."),
        (200, "text/event-stream"): OpenApiResponse(_OBJECT, "The events."),
        **refusals(400, 401, 402, 403, 404, 409, 413, 422, 429, 500, 502, 503, 504),
    },
    examples=[
        OpenApiExample("Plain", _ASKED, request_only=True),
        OpenApiExample("Streamed", {**_ASKED, "stream": True}, request_only=True),
        OpenApiExample(
            "Answer", _ANSWERED, response_only=True, media_type="application/json"
        ),
        OpenApiExample(
            "Event", _EVENT, response_only=True, media_type="text/event-stream"
        ),
    ],
)
