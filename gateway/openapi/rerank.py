"""How POST /v1/rerank is described."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema

from gateway.openapi.headers import INFERENCE
from gateway.openapi.refusals import REFUSALS

_STATUSES = (400, 401, 402, 403, 404, 409, 413, 422, 429, 500, 502, 503, 504)
_TEXT = {"type": "string"}
_COUNT = {"type": "integer", "minimum": 1}

_REQUEST: dict[str, Any] = {
    "type": "object",
    "required": ["model", "query", "documents"],
    "additionalProperties": True,
    "properties": {
        "model": {**_TEXT, "description": "An alias, `provider/model_id` or a model."},
        "query": {**_TEXT, "minLength": 1},
        "documents": {
            "type": "array",
            "minItems": 1,
            "items": {"anyOf": [_TEXT, {"type": "object"}]},
            "description": "Texts, or objects with a `text`.",
        },
        "top_n": {**_COUNT, "description": "How many results at most; all by default."},
        "max_tokens_per_doc": {**_COUNT, "description": "The rest is not looked at."},
        "return_documents": {
            "type": "boolean",
            "description": "Whether each result holds its document.",
        },
        "rank_fields": {
            "type": "array",
            "items": _TEXT,
            "description": "Which members of objects to look at, in place of `text`.",
        },
    },
}
_ANSWER: dict[str, Any] = {
    "type": "object",
    "required": ["results"],
    "properties": {
        "id": _TEXT,
        "results": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["index", "relevance_score"],
                "properties": {
                    "index": {"type": "integer"},
                    "relevance_score": {"type": "number"},
                    "document": {"type": "object", "properties": {"text": _TEXT}},
                },
            },
        },
        "meta": {"type": "object", "additionalProperties": True},
    },
}
_ERROR: dict[str, Any] = {
    "type": "object",
    "required": ["message"],
    "properties": {"message": _TEXT, "code": _TEXT, "param": _TEXT},
}
_ASKED = {
    "model": "rerank-v4.0-fast",
    "query": "What is the capital of Norway?",
    "documents": ["Bergen is rainy.", "Oslo is the capital of Norway."],
    "top_n": 1,
}
_ANSWERED = {
    "id": "0c9d2a0e",
    "results": [{"index": 1, "relevance_score": 0.98}],
    "meta": {"billed_units": {"search_units": 1}},
}


def _refusal(status: int) -> OpenApiResponse:
    when, codes = REFUSALS[status]
    listed = ", ".join(f"`{code}`" for code in codes.split())
    return OpenApiResponse(_ERROR, f"{when} Code: {listed}.")


rerank_schema = extend_schema(
    operation_id="create_rerank",
    summary="Rank documents by a query (Cohere)",
    description=(
        "Cohere's shape, as its clients and many servers have it. Also at "
        "`/openai/v1/rerank`. Errors are `message`, `code` and `param`."
    ),
    tags=["Cohere"],
    parameters=INFERENCE,
    request={"application/json": _REQUEST},
    responses={
        200: OpenApiResponse(_ANSWER, "The documents, the most relevant first."),
        **{status: _refusal(status) for status in _STATUSES},
    },
    examples=[
        OpenApiExample("Ranking", _ASKED, request_only=True),
        OpenApiExample("Answer", _ANSWERED, response_only=True, status_codes=["200"]),
    ],
)
