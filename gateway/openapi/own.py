"""How the routes of Signalbox's own dialect are described."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema

from gateway.openapi.common import (
    ANSWER,
    ATTRIBUTION,
    BOUNDS,
    PROJECT,
    REFUSALS,
    REQUEST_ID,
    WAITING,
)

_STATUSES = (400, 401, 402, 403, 404, 409, 413, 422, 429, 500, 502, 503, 504)
_TEXT: dict[str, Any] = {"type": "string"}
_NUMBER: dict[str, Any] = {"type": "number"}
_COUNT: dict[str, Any] = {"type": "integer"}
_MAYBE: dict[str, Any] = {"type": ["number", "null"]}
_OBJECT: dict[str, Any] = {"type": "object", "additionalProperties": True}
_OBJECTS: dict[str, Any] = {"type": "array", "items": _OBJECT}


def _of(
    properties: dict[str, Any], *required: str, open_to: bool | dict[str, Any] = False
) -> dict[str, Any]:
    described: dict[str, Any] = {"type": "object", "properties": properties}
    if required:
        described["required"] = list(required)
    described["additionalProperties"] = open_to
    return described


def _with(kind: dict[str, Any], description: str, **more: Any) -> dict[str, Any]:
    return {**kind, "description": description, **more}


_REQUEST = _of(
    {
        "prompt": _with(_TEXT, "What the user says. This or `messages`."),
        "messages": _with(
            _OBJECTS, "The conversation so far, as OpenAI's chat completions take it."
        ),
        "systemPrompt": _with(_TEXT, "Goes before all messages."),
        "temperature": _with(
            _NUMBER, "How free the answer may be.", default=0.7, minimum=0, maximum=2
        ),
        "maxTokens": _with(
            _COUNT, "Bound of the answer, in tokens.", default=2000, minimum=1
        ),
        "model": _with(
            _TEXT, "An alias, `provider/model_id`, or a bare model id.", example="fast"
        ),
        "models": _with(
            {"type": "array", "items": _TEXT, "maxItems": 20},
            "Further models or aliases, asked in this order when the first fails.",
        ),
        "provider": _with(
            {"type": ["string", "object"], "additionalProperties": True},
            "Slug of the one provider that may answer; or the object that the other "
            "dialects take.",
        ),
        "taskType": _with(
            _TEXT,
            "Chooses the alias, by the project's task routes, when no model is named.",
            enum=["code", "creative", "fast", "analysis"],
        ),
        "tools": _with(_OBJECTS, "Functions, as OpenAI's chat completions take them."),
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
        "userId": _with(_TEXT, "End user of the project; kept with the usage."),
        "feature": _with(_TEXT, "Feature of the product; kept with the usage."),
        "featureId": _with(_TEXT, "One instance of it; kept with the usage."),
        "priority": _with(
            {"type": ["string", "integer"]}, "Kept with the usage as a tag."
        ),
        "routing": _of(
            {
                "strategy": _with(
                    _TEXT,
                    "How the candidates are ordered.",
                    enum=["cheapest", "fastest", "priority", "weighted"],
                ),
                "requiredCapabilities": _with(
                    {"type": "array", "items": _TEXT}, "What the model must be able to."
                ),
                "region": _with(_TEXT, "Where the data may be processed."),
            }
        ),
        "cache": _of(
            {
                "enabled": {
                    "type": "boolean",
                    "description": "Answers are not cached; `cached` says so.",
                },
                "ttl": _with(_NUMBER, "Seconds."),
            }
        ),
        "context": _with(
            _OBJECT,
            "What the model is told of the end user: `{scope, dateRange: {start, end}, "
            "include, exclude}`. See POST /api/context/preview.",
        ),
    }
)
_DONE = {
    "success": {"type": "boolean", "const": True},
    "requestId": _TEXT,
    "parsed": {"description": "The JSON that was asked for, or null."},
    "finishReason": _with(
        _TEXT, "Why it ended.", enum=["stop", "length", "tool_calls", "content_filter"]
    ),
    "toolCalls": _with(_OBJECTS, "Only when the model calls tools."),
    "citations": _with(_OBJECTS, "Only when the model names sources."),
    "usage": _of(
        {
            name: {"type": "integer"}
            for name in ("promptTokens", "completionTokens", "totalTokens")
        }
    ),
    "costUSD": _with(_MAYBE, "Null when a price is missing."),
    "latencyMs": _NUMBER,
    "provider": _TEXT,
    "model": _TEXT,
    "alias": _with(_TEXT, "Empty when a model was asked for by its own name."),
    "cached": {"type": "boolean"},
    "fallbackUsed": {"type": "boolean"},
    "attempts": _COUNT,
    "routing": _of({"strategy": _TEXT, "considered": _COUNT, "reason": _TEXT}),
}
_ANSWER = _of({**_DONE, "content": _TEXT}, open_to=True)
_ERROR = _of(
    {
        "success": {"type": "boolean", "const": False},
        "requestId": _TEXT,
        "error": _of({"code": _TEXT, "message": _TEXT, "param": _TEXT}, open_to=True),
    },
    "success",
    "requestId",
    "error",
)
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


def _refusals(*statuses: int) -> dict[int, OpenApiResponse]:
    found = {}
    for status in statuses:
        when, codes = REFUSALS[status]
        listed = ", ".join(f"`{code}`" for code in codes.split())
        found[status] = OpenApiResponse(_ERROR, f"{when} Code: {listed}.")
    return found


_HEADERS = [PROJECT, *ATTRIBUTION, *BOUNDS, REQUEST_ID, *ANSWER, *WAITING]

generate_schema = extend_schema(
    operation_id="generate",
    summary="Answer a prompt or a conversation",
    description="Unknown members of the body are refused.",
    tags=["Signalbox"],
    parameters=_HEADERS,
    request={"application/json": _REQUEST},
    responses={
        200: OpenApiResponse(_ANSWER, "The answer."),
        **_refusals(*_STATUSES),
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
    parameters=_HEADERS,
    request={"application/json": _REQUEST},
    responses={
        (200, "text/event-stream"): OpenApiResponse(
            _of({**_DONE, "content": _TEXT}, open_to=True), "The events."
        ),
        **_refusals(*_STATUSES),
    },
    examples=[OpenApiExample("Prompt", _ASKED, request_only=True)],
)

_PROVIDER = _of(
    {
        "name": _with(_TEXT, "Slug."),
        "displayName": _TEXT,
        "isConfigured": _with(
            {"type": "boolean"}, "Whether the project has a credential for it."
        ),
        "defaultModel": _with(
            {"type": ["string", "null"]}, "Asked when it is forced and nothing named."
        ),
        "capabilities": {"type": "array", "items": _TEXT},
        "estimatedCost": _of({"inputPerMToken": _MAYBE, "outputPerMToken": _MAYBE}),
        "rateLimits": _with(
            _OBJECT, "Limits of the key, whoever answers, e.g. `requestsPerMinute`."
        ),
    }
)

providers_schema = extend_schema(
    operation_id="list_providers",
    summary="List the providers that the project may use",
    tags=["Signalbox"],
    parameters=[PROJECT, REQUEST_ID],
    responses={
        200: OpenApiResponse(
            _of(
                {
                    "total": _COUNT,
                    "active": _with(_COUNT, "How many are configured."),
                    "providers": {"type": "array", "items": _PROVIDER},
                }
            ),
            "The list.",
        ),
        **_refusals(401, 403, 500, 503),
    },
)

_HEALTH = _of(
    {
        "overall": _with(
            _TEXT,
            "`degraded` when one that is configured fails, `down` when none is left.",
            enum=["healthy", "degraded", "down"],
        ),
        "providers": _with(
            {
                "type": "object",
                "additionalProperties": _of(
                    {
                        "status": _with(
                            _TEXT,
                            "`configured`: there is a key, and no recent check.",
                            enum=["ok", "failing", "configured", "missing"],
                        ),
                        "latencyMs": _MAYBE,
                        "checkedAt": {
                            "type": ["string", "null"],
                            "format": "date-time",
                        },
                    }
                ),
            },
            "By slug.",
        ),
        "routing": _of(
            {
                "activeProviders": _COUNT,
                "routingStrategy": _with(_TEXT, "Of the project's default alias."),
                "providers": _with(
                    {"type": "array", "items": _TEXT}, "Those that can be asked now."
                ),
            }
        ),
    }
)

health_schema = extend_schema(
    operation_id="show_health",
    summary="Show how these providers did when last checked",
    description="Checks ask for something free, such as a list of models.",
    tags=["Signalbox"],
    parameters=[PROJECT, REQUEST_ID],
    responses={
        200: OpenApiResponse(_HEALTH, "The report."),
        **_refusals(401, 403, 500, 503),
    },
)
