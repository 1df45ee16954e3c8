"""How GET /v1/models and /v1/models/{id} are described."""

from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiParameter,
    OpenApiResponse,
    extend_schema,
)

from gateway.openapi.headers import PROJECT, REQUEST_ID
from gateway.openapi.json_schemas import component
from gateway.openapi.refusals import refusals

_ALIAS = {
    "id": "fast",
    "object": "model",
    "created": 1767225600,
    "owned_by": "signalbox",
}
_STATUSES = (401, 403, 500, 503)

models_schema = extend_schema(
    operation_id="list_models",
    summary="List what the key may use",
    description=(
        "Aliases first, then every model whose provider is configured. Also at "
        "`/openai/v1/models`."
    ),
    tags=["OpenAI"],
    parameters=[PROJECT, REQUEST_ID],
    responses={
        200: OpenApiResponse(component("ModelList"), "The list."),
        **refusals(*_STATUSES),
    },
    examples=[
        OpenApiExample(
            "List",
            {"object": "list", "data": [_ALIAS]},
            response_only=True,
            status_codes=["200"],
        )
    ],
)

model_schema = extend_schema(
    operation_id="get_model",
    summary="Show one alias or model",
    description="Also at `/openai/v1/models/{model}`.",
    tags=["OpenAI"],
    parameters=[
        OpenApiParameter(
            "model",
            str,
            "path",
            description="An alias, `provider/model_id` or a bare model id.",
        ),
        PROJECT,
        REQUEST_ID,
    ],
    responses={
        200: OpenApiResponse(component("Model"), "The alias or model."),
        **refusals(*_STATUSES, 404),
    },
    examples=[
        OpenApiExample("Alias", _ALIAS, response_only=True, status_codes=["200"])
    ],
)

gemini_models_schema = extend_schema(
    operation_id="list_gemini_models",
    summary="List what the key may use (Gemini)",
    description="The same in Gemini's shape. Also at `/gemini/v1beta/models`.",
    tags=["Gemini"],
    parameters=[PROJECT, REQUEST_ID],
    responses={
        200: OpenApiResponse(
            {"type": "object", "additionalProperties": True}, "The list."
        ),
        **refusals(*_STATUSES),
    },
)
