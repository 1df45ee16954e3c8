"""How POST /v1/route/explain is described."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema

from gateway.openapi.common import (
    ATTRIBUTION,
    BOUNDS,
    PROJECT,
    REQUEST_ID,
    refusals,
)

_TEXT: dict[str, Any] = {"type": "string"}
_COUNT: dict[str, Any] = {"type": "integer"}
_MAYBE_COUNT: dict[str, Any] = {"type": ["integer", "null"]}
_MAYBE_NUMBER: dict[str, Any] = {"type": ["number", "null"]}
_MAYBE_TEXT: dict[str, Any] = {"type": ["string", "null"]}
_USD: dict[str, Any] = {
    "type": ["string", "null"],
    "description": "A decimal number; null: not known.",
}


def _of(properties: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, **more}


_REQUEST = _of(
    {
        "operation": {
            **_TEXT,
            "default": "chat",
            "enum": [
                "chat",
                "responses",
                "embeddings",
                "speech",
                "transcription",
                "images",
                "moderation",
                "rerank",
            ],
        },
        "dialect": {
            **_TEXT,
            "description": "Whose words the body is in, where that does not show: "
            "`openai_chat`, `anthropic_messages`, `gemini_generate` or `signalbox`.",
        },
        "model": {**_TEXT, "description": "An alias, `provider/model_id` or a model."},
    },
    additionalProperties=True,
    description="Any inference body, with what it is for.",
)
_CANDIDATE = _of(
    {
        "rank": {**_COUNT, "description": "1 is asked first."},
        "name": _TEXT,
        "provider": _TEXT,
        "model": _TEXT,
        "region": _TEXT,
        "handler": {**_TEXT, "description": "The protocol it is spoken to in."},
        "turn": {**_COUNT, "description": "Which of the request's names led to it."},
        "priority": _COUNT,
        "weight": _COUNT,
        "score": {
            **_MAYBE_NUMBER,
            "description": "What `cheapest` (USD) and `fastest` (ms) went by.",
        },
        "health": _of(
            {
                "breaker": {**_TEXT, "enum": ["closed", "half_open", "open"]},
                "readiness": {**_TEXT, "enum": ["ready", "last", "not now"]},
                "running": _COUNT,
                "reason": {**_TEXT, "description": "Why it is not asked now."},
                "caps": {
                    "type": "object",
                    "description": "Of its credential, by name; left out without any.",
                    "additionalProperties": _of({"cap": _COUNT, "left": _COUNT}),
                },
            },
            description="As the process that answers sees it.",
        ),
        "observed": _of(
            {
                "base_ms": _MAYBE_NUMBER,
                "first_token_ms": _MAYBE_NUMBER,
                "tokens_per_second": _MAYBE_NUMBER,
                "weight": _MAYBE_NUMBER,
            },
            description="As all processes have lately seen it; null: not at all.",
        )
        | {"type": ["object", "null"]},
        "expected_latency_ms": _MAYBE_COUNT,
        "context_window": _MAYBE_COUNT,
        "deprecated_on": _MAYBE_TEXT,
        "price": _of({"input_per_million": _USD, "output_per_million": _USD})
        | {"type": ["object", "null"]},
        "estimate": _of(
            {
                "input_tokens": _COUNT,
                "output_tokens": _COUNT,
                "max_output_tokens": _MAYBE_COUNT,
                "cost_usd": _of({"min": _USD, "expected": _USD, "max": _USD}),
            }
        ),
        "doubt": {
            **_TEXT,
            "description": "Why it may not be able to serve this after all; it is asked "
            "because nobody else is.",
        },
    }
)
_DROPPED = _of(
    {
        "name": _TEXT,
        "provider": _TEXT,
        "model": _TEXT,
        "code": _TEXT,
        "reason": _TEXT,
    }
)
_ANSWER = _of(
    {
        "operation": _TEXT,
        "dialect": _TEXT,
        "model": _TEXT,
        "alias": {**_TEXT, "description": "Empty for a model's own name."},
        "strategy": _TEXT,
        "needs": {
            "type": "array",
            "items": _TEXT,
            "description": "Capabilities that the body shows to need.",
        },
        "input_tokens": _COUNT,
        "candidates": {"type": "array", "items": _CANDIDATE},
        "dropped": {"type": "array", "items": _DROPPED},
        "retired": {
            "type": "array",
            "items": _of(
                {"name": _TEXT, "deprecated_on": _MAYBE_TEXT, "successor": _TEXT}
            ),
            "description": "Models in whose place their successors are asked.",
        },
        "refusal": _of({"status": _COUNT, "code": _TEXT, "message": _TEXT})
        | {
            "type": ["object", "null"],
            "description": "How the request would be refused without candidates.",
        },
        "config_version": _COUNT,
    }
)
_ASKED = {
    "operation": "chat",
    "model": "fast",
    "messages": [{"role": "user", "content": "Say hello."}],
    "max_tokens": 100,
}

explain_schema = extend_schema(
    operation_id="explain_route",
    summary="Explain who would be asked, without asking anybody",
    description=(
        "Takes the body of any inference request with its `operation`. Answers the "
        "candidates in the order in which they would be asked, each with its estimate, "
        "health and observed latency, and why the others were dropped."
    ),
    tags=["Signalbox"],
    parameters=[PROJECT, *ATTRIBUTION, *BOUNDS, REQUEST_ID],
    request={"application/json": _REQUEST},
    responses={
        200: OpenApiResponse(_ANSWER, "The candidates and the dropped."),
        **refusals(400, 401, 403, 404, 413, 500, 503),
    },
    examples=[OpenApiExample("Conversation", _ASKED, request_only=True)],
)
