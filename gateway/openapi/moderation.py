"""How POST /v1/moderations is described."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema

from gateway.openapi.headers import INFERENCE
from gateway.openapi.refusals import refusals

_REQUEST: dict[str, Any] = {
    "type": "object",
    "required": ["input"],
    "properties": {
        "model": {
            "type": "string",
            "description": "An alias, `provider/model_id`, or a bare model id.",
        },
        "input": {
            "oneOf": [
                {"type": "string"},
                {"type": "array", "items": {"type": "string"}, "minItems": 1},
                {"type": "array", "items": {"type": "object"}, "minItems": 1},
            ],
            "description": "A text, several, or parts with text and pictures.",
        },
    },
    "additionalProperties": True,
}
_ANSWER: dict[str, Any] = {
    "type": "object",
    "required": ["results"],
    "properties": {
        "id": {"type": "string"},
        "model": {"type": "string"},
        "results": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "flagged": {"type": "boolean"},
                    "categories": {"type": "object", "additionalProperties": True},
                    "category_scores": {"type": "object", "additionalProperties": True},
                },
                "additionalProperties": True,
            },
        },
    },
    "additionalProperties": True,
}

moderation_schema = extend_schema(
    operation_id="create_moderation",
    summary="Judge what a text or picture holds",
    description=(
        "Relayed to a provider that speaks this protocol, in its own categories. "
        "Also at `/openai/v1/moderations`."
    ),
    tags=["OpenAI"],
    parameters=INFERENCE,
    request={"application/json": _REQUEST},
    responses={
        (200, "application/json"): OpenApiResponse(_ANSWER, "One result per input."),
        **refusals(400, 401, 402, 403, 404, 409, 413, 422, 429, 500, 502, 503, 504),
    },
    examples=[
        OpenApiExample(
            "Plain",
            {"model": "omni-moderation-latest", "input": "I like foxes."},
            request_only=True,
        )
    ],
)
