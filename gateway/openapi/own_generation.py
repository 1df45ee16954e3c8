"""How generate and stream are described."""

from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema

from gateway.openapi.headers import INFERENCE
from gateway.openapi.json_schemas import (
    COUNT,
    MAYBE_NUMBER,
    NUMBER,
    OBJECT,
    OBJECTS,
    TEXT,
    TRUTH,
    described,
)
from gateway.openapi.own_shapes import own_object, refusals

_STATUSES = (400, 401, 402, 403, 404, 409, 413, 422, 429, 500, 502, 503, 504)
_REQUEST = own_object(
    {
        "prompt": described(TEXT, "What the user says. This or `messages`."),
        "messages": described(
            OBJECTS, "The conversation so far, as OpenAI's chat completions take it."
        ),
        "systemPrompt": described(TEXT, "Goes before all messages."),
        "temperature": described(
            NUMBER, "How free the answer may be.", default=0.7, minimum=0, maximum=2
        ),
        "maxTokens": described(
            COUNT, "Bound of the answer, in tokens.", default=2000, minimum=1
        ),
        "model": described(
            TEXT, "An alias, `provider/model_id`, or a bare model id.", example="fast"
        ),
        "models": described(
            {"type": "array", "items": TEXT, "maxItems": 20},
            "Further models or aliases, asked in this order when the first fails.",
        ),
        "provider": described(
            {"type": ["string", "object"], "additionalProperties": True},
            "Slug of the one provider that may answer; or the object that the other "
            "dialects take.",
        ),
        "taskType": described(
            TEXT,
            "Chooses the alias, by the project's task routes, when no model is named.",
            enum=["code", "creative", "fast", "analysis"],
        ),
        "tools": described(
            OBJECTS, "Functions, as OpenAI's chat completions take them."
        ),
        "toolChoice": {
            "type": ["string", "object"],
            "additionalProperties": True,
            "description": "Likewise.",
        },
        "responseFormat": {
            "type": ["string", "object"],
            "additionalProperties": True,
            "description": (
                "`text`, `json`, or `{type: json_schema, schema}`; OpenAI's shape too."
            ),
        },
        "userId": described(TEXT, "End user of the project; kept with the usage."),
        "feature": described(TEXT, "Feature of the product; kept with the usage."),
        "featureId": described(TEXT, "One instance of it; kept with the usage."),
        "priority": described(
            {"type": ["string", "integer"]}, "Kept with the usage as a tag."
        ),
        "routing": own_object(
            {
                "strategy": described(
                    TEXT,
                    "How the candidates are ordered.",
                    enum=["cheapest", "fastest", "priority", "weighted"],
                ),
                "requiredCapabilities": described(
                    {"type": "array", "items": TEXT}, "What the model must be able to."
                ),
                "region": described(TEXT, "Where the data may be processed."),
            }
        ),
        "cache": own_object(
            {
                "enabled": described(
                    TRUTH,
                    "`false`: neither taken from the project's cache nor kept in it; "
                    "`true`: an answer that might be another each time may be kept too.",
                ),
                "ttl": described(NUMBER, "How old, in seconds, it may be."),
            }
        ),
        "context": described(
            OBJECT,
            "What the model is told of the end user: `{scope, dateRange: {start, end}, "
            "include, exclude}`. See POST /api/context/preview.",
        ),
    }
)
_DONE = {
    "success": {"type": "boolean", "const": True},
    "requestId": TEXT,
    "parsed": {"description": "The JSON that was asked for, or null."},
    "finishReason": described(
        TEXT, "Why it ended.", enum=["stop", "length", "tool_calls", "content_filter"]
    ),
    "toolCalls": described(OBJECTS, "Only when the model calls tools."),
    "citations": described(OBJECTS, "Only when the model names sources."),
    "usage": own_object(
        {
            name: {"type": "integer"}
            for name in ("promptTokens", "completionTokens", "totalTokens")
        }
    ),
    "costUSD": described(MAYBE_NUMBER, "Null when a price is missing."),
    "latencyMs": NUMBER,
    "provider": TEXT,
    "model": TEXT,
    "alias": described(TEXT, "Empty when a model was asked for by its own name."),
    "cached": {"type": "boolean"},
    "fallbackUsed": {"type": "boolean"},
    "attempts": COUNT,
    "routing": own_object({"strategy": TEXT, "considered": COUNT, "reason": TEXT}),
}
_ANSWER = own_object({**_DONE, "content": TEXT}, is_open=True)
_ASKED = {"prompt": "Say hello.", "model": "fast", "userId": "user-42"}
_ANSWERED = {
    "success": True,
    "requestId": "01995f3c-7d1e-7c11-9a52-6a3f6f7a8c21",
    "content": "Hello to you.",
    "parsed": None,
    "finishReason": "stop",
    "usage": {"promptTokens": 3, "completionTokens": 4, "totalTokens": 7},
    "costUSD": 0.0000015,
    "latencyMs": 52,
    "provider": "simulator",
    "model": "sim-chat",
    "alias": "fast",
    "cached": False,
    "fallbackUsed": False,
    "attempts": 1,
    "routing": {
        "strategy": "priority",
        "considered": 10,
        "reason": "it is the only one that can serve the request",
    },
}


generate_schema = extend_schema(
    operation_id="generate",
    summary="Answer a prompt or a conversation",
    description="Unknown members of the body are refused.",
    tags=["Signalbox"],
    parameters=INFERENCE,
    request={"application/json": _REQUEST},
    responses={
        200: OpenApiResponse(_ANSWER, "The answer."),
        **refusals(*_STATUSES),
    },
    examples=[
        OpenApiExample("Prompt", _ASKED, request_only=True),
        OpenApiExample("Answer", _ANSWERED, response_only=True, status_codes=["200"]),
    ],
)

stream_schema = extend_schema(
    operation_id="stream",
    summary="Answer as server-sent events",
    description=(
        "`event: delta` holds `content`; `event: done` ends the answer and holds all "
        "that `POST /api/ai/generate` answers but the content; `event: error` ends one "
        "that cannot be completed."
    ),
    tags=["Signalbox"],
    parameters=INFERENCE,
    request={"application/json": _REQUEST},
    responses={
        (200, "text/event-stream"): OpenApiResponse(
            own_object({**_DONE, "content": TEXT}, is_open=True), "The events."
        ),
        **refusals(*_STATUSES),
    },
    examples=[OpenApiExample("Prompt", _ASKED, request_only=True)],
)
