"""How POST /v1/route/explain is described."""

from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema

from gateway.openapi.headers import ATTRIBUTION, BOUNDS, PROJECT, REQUEST_ID
from gateway.openapi.json_schemas import (
    COUNT,
    MAYBE_COUNT,
    MAYBE_NUMBER,
    MAYBE_TEXT,
    TEXT,
    described,
    object_of,
)
from gateway.openapi.refusals import refusals

_USD = described(MAYBE_TEXT, "A decimal number; null: not known.")

_REQUEST = object_of(
    {
        "operation": {
            **TEXT,
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
            **TEXT,
            "description": "Whose words the body is in, where that does not show: "
            "`openai_chat`, `anthropic_messages`, `gemini_generate` or `signalbox`.",
        },
        "model": {**TEXT, "description": "An alias, `provider/model_id` or a model."},
    },
    additionalProperties=True,
    description="Any inference body, with what it is for.",
)
_CANDIDATE = object_of(
    {
        "rank": {**COUNT, "description": "1 is asked first."},
        "name": TEXT,
        "provider": TEXT,
        "model": TEXT,
        "region": TEXT,
        "handler": {**TEXT, "description": "The protocol it is spoken to in."},
        "turn": {**COUNT, "description": "Which of the request's names led to it."},
        "priority": COUNT,
        "weight": COUNT,
        "score": {
            **MAYBE_NUMBER,
            "description": "What `cheapest` (USD) and `fastest` (ms) went by.",
        },
        "health": object_of(
            {
                "breaker": {**TEXT, "enum": ["closed", "half_open", "open"]},
                "readiness": {**TEXT, "enum": ["ready", "last", "not now"]},
                "running": COUNT,
                "reason": {**TEXT, "description": "Why it is not asked now."},
                "caps": {
                    "type": "object",
                    "description": "Of its credential, by name; left out without any.",
                    "additionalProperties": object_of({"cap": COUNT, "left": COUNT}),
                },
            },
            description="As the process that answers sees it.",
        ),
        "observed": object_of(
            {
                "base_ms": MAYBE_NUMBER,
                "first_token_ms": MAYBE_NUMBER,
                "tokens_per_second": MAYBE_NUMBER,
                "weight": MAYBE_NUMBER,
            },
            description="As all processes have lately seen it; null: not at all.",
        )
        | {"type": ["object", "null"]},
        "expected_latency_ms": MAYBE_COUNT,
        "context_window": MAYBE_COUNT,
        "deprecated_on": MAYBE_TEXT,
        "price": object_of({"input_per_million": _USD, "output_per_million": _USD})
        | {"type": ["object", "null"]},
        "estimate": object_of(
            {
                "input_tokens": COUNT,
                "output_tokens": COUNT,
                "max_output_tokens": MAYBE_COUNT,
                "cost_usd": object_of({"min": _USD, "expected": _USD, "max": _USD}),
            }
        ),
        "doubt": {
            **TEXT,
            "description": "Why it may not be able to serve this after all; it is asked "
            "because nobody else is.",
        },
    }
)
_DROPPED = object_of(
    {
        "name": TEXT,
        "provider": TEXT,
        "model": TEXT,
        "code": TEXT,
        "reason": TEXT,
    }
)
_ANSWER = object_of(
    {
        "operation": TEXT,
        "dialect": TEXT,
        "model": TEXT,
        "alias": {**TEXT, "description": "Empty for a model's own name."},
        "strategy": TEXT,
        "needs": {
            "type": "array",
            "items": TEXT,
            "description": "Capabilities that the body shows to need.",
        },
        "input_tokens": COUNT,
        "candidates": {"type": "array", "items": _CANDIDATE},
        "dropped": {"type": "array", "items": _DROPPED},
        "retired": {
            "type": "array",
            "items": object_of(
                {"name": TEXT, "deprecated_on": MAYBE_TEXT, "successor": TEXT}
            ),
            "description": "Models in whose place their successors are asked.",
        },
        "refusal": object_of({"status": COUNT, "code": TEXT, "message": TEXT})
        | {
            "type": ["object", "null"],
            "description": "How the request would be refused without candidates.",
        },
        "config_version": COUNT,
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
