"""How POST /v1/images/generations is described."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema

from gateway.openapi.headers import INFERENCE
from gateway.openapi.refusals import refusals

_REQUEST: dict[str, Any] = {
    "type": "object",
    "required": ["prompt"],
    "properties": {
        "model": {
            "type": "string",
            "description": "An alias, `provider/model_id`, or a bare model id.",
        },
        "prompt": {"type": "string", "minLength": 1},
        "n": {"type": ["integer", "null"], "minimum": 1},
        "size": {"type": ["string", "null"]},
        "quality": {"type": ["string", "null"]},
        "stream": {"type": ["boolean", "null"], "default": False},
    },
    "additionalProperties": True,
}
_ANSWER: dict[str, Any] = {
    "type": "object",
    "required": ["data"],
    "properties": {
        "created": {"type": "integer"},
        "data": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "b64_json": {"type": "string"},
                    "url": {"type": "string"},
                },
                "additionalProperties": True,
            },
        },
        "usage": {"type": "object", "additionalProperties": True},
    },
    "additionalProperties": True,
}
_EVENT: dict[str, Any] = {
    "type": "object",
    "properties": {
        "type": {"type": "string"},
        "b64_json": {"type": "string"},
        "partial_image_index": {"type": "integer"},
    },
    "additionalProperties": True,
}

images_schema = extend_schema(
    operation_id="create_image",
    summary="Make pictures from words",
    description=(
        "Relayed to a provider that speaks this protocol. Metered by the tokens that "
        "it reports, else by the picture. Also at `/openai/v1/images/generations`."
    ),
    tags=["OpenAI"],
    parameters=INFERENCE,
    request={"application/json": _REQUEST},
    responses={
        (200, "application/json"): OpenApiResponse(_ANSWER, "The pictures."),
        (200, "text/event-stream"): OpenApiResponse(_EVENT, "Sketches, then pictures."),
        **refusals(400, 401, 402, 403, 404, 409, 413, 422, 429, 500, 502, 503, 504),
    },
    examples=[
        OpenApiExample(
            "Plain",
            {"model": "gpt-image-2", "prompt": "A red fox in the snow"},
            request_only=True,
        )
    ],
)
