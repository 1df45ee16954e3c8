"""How POST /v1/chat/completions is described."""

from collections.abc import Callable
from typing import Any, TypeVar

from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiParameter,
    OpenApiResponse,
    extend_schema,
)

from gateway.openapi.headers import (
    ANSWER,
    ATTRIBUTION,
    BOUNDS,
    INFERENCE,
    PROJECT,
    REQUEST_ID,
    WAITING,
)
from gateway.openapi.json_schemas import component
from gateway.openapi.refusals import refusals

_ASKED = {"model": "fast", "messages": [{"role": "user", "content": "Hello!"}]}
_ANSWERED = {
    "id": "chatcmpl-9b1deb4d",
    "object": "chat.completion",
    "created": 1767225600,
    "model": "sim-chat",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Hello to you."},
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 2, "completion_tokens": 4, "total_tokens": 6},
}
_CHUNK = {
    "id": "chatcmpl-9b1deb4d",
    "object": "chat.completion.chunk",
    "created": 1767225600,
    "model": "sim-chat",
    "choices": [{"index": 0, "delta": {"content": "Hello"}, "finish_reason": None}],
}
_STATUSES = (400, 401, 402, 403, 404, 409, 413, 422, 429, 500, 502, 503, 504)

chat_schema = extend_schema(
    operation_id="create_chat_completion",
    summary="Answer a conversation",
    description=(
        "Resolves the model or alias, and asks its targets in turn until one answers. "
        "Also at `/openai/v1/chat/completions`. What Signalbox does not know is "
        "forwarded untouched."
    ),
    tags=["OpenAI"],
    parameters=INFERENCE,
    request={"application/json": component("ChatCompletionRequest")},
    responses={
        (200, "application/json"): OpenApiResponse(
            component("ChatCompletion"), "The answer, whole or as a stream."
        ),
        (200, "text/event-stream"): OpenApiResponse(
            component("ChatCompletionChunk"), "The answer, whole or as a stream."
        ),
        **refusals(*_STATUSES),
    },
    examples=[
        OpenApiExample("Plain", _ASKED, request_only=True),
        OpenApiExample("Streamed", {**_ASKED, "stream": True}, request_only=True),
        OpenApiExample(
            "Answer", _ANSWERED, response_only=True, media_type="application/json"
        ),
        OpenApiExample(
            "Event", _CHUNK, response_only=True, media_type="text/event-stream"
        ),
    ],
)

_GENERIC = {"type": "object", "additionalProperties": True}

messages_schema = extend_schema(
    operation_id="create_message",
    summary="Answer a conversation (Anthropic)",
    description=(
        "Anthropic's Messages, for any model: relayed where the target speaks it too, "
        "translated where it does not. Also at `/anthropic/v1/messages`."
    ),
    tags=["Anthropic"],
    parameters=INFERENCE,
    request={"application/json": _GENERIC},
    responses={
        (200, "application/json"): OpenApiResponse(_GENERIC, "The message."),
        (200, "text/event-stream"): OpenApiResponse(_GENERIC, "The events."),
        **refusals(*_STATUSES),
    },
)

tokens_schema = extend_schema(
    operation_id="count_message_tokens",
    summary="Estimate the tokens of a message (Anthropic)",
    description="Estimated by the gateway; no provider is asked.",
    tags=["Anthropic"],
    parameters=[PROJECT, REQUEST_ID],
    request={"application/json": _GENERIC},
    responses={
        200: OpenApiResponse(_GENERIC, "`input_tokens`."),
        **refusals(400, 401, 403, 413, 500, 503),
    },
)


F = TypeVar("F", bound=Callable[..., Any])


def _gemini(operation_id: str, path: str) -> Callable[[F], F]:
    return extend_schema(
        operation_id=operation_id,
        summary="Answer a conversation (Gemini)",
        description=(
            "`{model}:generateContent`, `{model}:streamGenerateContent` (events with "
            "`?alt=sse`, else one JSON array) and `{model}:countTokens` (estimated), for "
            "any model. "
            f"Also under `/gemini{path}`."
        ),
        tags=["Gemini"],
        parameters=[
            OpenApiParameter("target", str, "path", description="`model:method`."),
            PROJECT,
            *ATTRIBUTION,
            *BOUNDS,
            REQUEST_ID,
            *ANSWER,
            *WAITING,
        ],
        request={"application/json": _GENERIC},
        responses={
            (200, "application/json"): OpenApiResponse(_GENERIC, "The candidates."),
            (200, "text/event-stream"): OpenApiResponse(_GENERIC, "The events."),
            **refusals(*_STATUSES),
        },
    )


gemini_schema = _gemini("generate_content", "/v1beta")
gemini_v1_schema = _gemini("generate_content_v1", "/v1")
