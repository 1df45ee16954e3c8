"""How the embeddings of OpenAI and Gemini are described."""

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
from gateway.openapi.refusals import refusals

_STATUSES = (400, 401, 402, 403, 404, 409, 413, 422, 429, 500, 502, 503, 504)
_TEXT = {"type": "string"}
_NUMBERS = {"type": "array", "items": {"type": "integer"}, "minItems": 1}
_VECTOR = {"type": "array", "items": {"type": "number"}}

_REQUEST: dict[str, Any] = {
    "type": "object",
    "required": ["input"],
    "properties": {
        "model": {
            "type": "string",
            "description": "An alias, `provider/model_id`, or a bare model id.",
            "example": "embed",
        },
        "input": {
            "oneOf": [
                _TEXT,
                {"type": "array", "items": _TEXT, "minItems": 1},
                _NUMBERS,
                {"type": "array", "items": _NUMBERS, "minItems": 1},
            ],
            "description": (
                "A text, or several. Token numbers are for OpenAI's models alone."
            ),
        },
        "dimensions": {"type": "integer", "minimum": 1},
        "encoding_format": {
            "type": "string",
            "default": "float",
            "description": "`float`, or `base64` for little-endian float32.",
        },
    },
    "additionalProperties": True,
}
_ANSWER: dict[str, Any] = {
    "type": "object",
    "required": ["object", "data", "model"],
    "properties": {
        "object": {"const": "list"},
        "data": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["object", "index", "embedding"],
                "properties": {
                    "object": {"const": "embedding"},
                    "index": {"type": "integer"},
                    "embedding": {"oneOf": [_VECTOR, _TEXT]},
                },
            },
        },
        "model": {"type": "string"},
        "usage": {"type": "object", "additionalProperties": True},
    },
}
_ANSWERED = {
    "object": "list",
    "data": [{"object": "embedding", "index": 0, "embedding": [0.6, -0.8]}],
    "model": "sim-chat",
    "usage": {"prompt_tokens": 3, "total_tokens": 3},
}

embeddings_schema = extend_schema(
    operation_id="create_embeddings",
    summary="Turn texts into vectors",
    description=(
        "Relayed where the target speaks this protocol, else translated: the vectors "
        "then have length one, as OpenAI's have. Also at `/openai/v1/embeddings`."
    ),
    tags=["OpenAI"],
    parameters=INFERENCE,
    request={"application/json": _REQUEST},
    responses={
        (200, "application/json"): OpenApiResponse(_ANSWER, "The vectors."),
        **refusals(*_STATUSES),
    },
    examples=[
        OpenApiExample(
            "Two texts",
            {"model": "embed", "input": ["A red fox", "A fox"]},
            request_only=True,
        ),
        OpenApiExample(
            "Vector",
            _ANSWERED,
            response_only=True,
            media_type="application/json",
            status_codes=["200"],
        ),
    ],
)

_CONTENT: dict[str, Any] = {
    "type": "object",
    "required": ["parts"],
    "properties": {
        "parts": {"type": "array", "items": {"type": "object"}, "minItems": 1}
    },
}
_ONE: dict[str, Any] = {
    "type": "object",
    "required": ["content"],
    "properties": {
        "content": _CONTENT,
        "taskType": _TEXT,
        "title": _TEXT,
        "outputDimensionality": {"type": "integer", "minimum": 1},
    },
    "additionalProperties": True,
}
_MANY: dict[str, Any] = {
    "type": "object",
    "required": ["requests"],
    "properties": {"requests": {"type": "array", "items": _ONE, "minItems": 1}},
    "additionalProperties": True,
}
_VALUES = {"type": "object", "properties": {"values": _VECTOR}}

F = TypeVar("F", bound=Callable[..., Any])


def _gemini(
    operation_id: str, summary: str, request: dict[str, Any], answer: dict[str, Any]
) -> Callable[[F], F]:
    return extend_schema(
        operation_id=operation_id,
        summary=summary,
        description=(
            "For any model that embeds; under `/v1/models/…` and `/gemini/…` as well. "
            "A batch may mix tasks and lengths of vectors for Google's models alone."
        ),
        tags=["Gemini"],
        parameters=[
            OpenApiParameter("model", str, "path", description="A model or alias."),
            PROJECT,
            *ATTRIBUTION,
            *BOUNDS,
            REQUEST_ID,
            *ANSWER,
            *WAITING,
        ],
        request={"application/json": request},
        responses={
            (200, "application/json"): OpenApiResponse(
                {"type": "object", "properties": answer}, "What was embedded."
            ),
            **refusals(*_STATUSES),
        },
    )


_ONE_ANSWER = {"embedding": _VALUES}
_MANY_ANSWER = {"embeddings": {"type": "array", "items": _VALUES}}

embed_schema = _gemini(
    "embed_content", "Turn a text into a vector (Gemini)", _ONE, _ONE_ANSWER
)
embed_v1_schema = _gemini(
    "embed_content_v1", "Turn a text into a vector (Gemini)", _ONE, _ONE_ANSWER
)
batch_embed_schema = _gemini(
    "batch_embed_contents", "Turn texts into vectors (Gemini)", _MANY, _MANY_ANSWER
)
batch_embed_v1_schema = _gemini(
    "batch_embed_contents_v1", "Turn texts into vectors (Gemini)", _MANY, _MANY_ANSWER
)
