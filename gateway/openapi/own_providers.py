"""How the lists of a project's providers, and of how they do, are described."""

from drf_spectacular.utils import OpenApiResponse, extend_schema

from gateway.openapi.headers import PROJECT, REQUEST_ID
from gateway.openapi.json_schemas import (
    COUNT,
    MAYBE_NUMBER,
    OBJECT,
    TEXT,
    described,
)
from gateway.openapi.own_shapes import own_object, refusals

_PROVIDER = own_object(
    {
        "name": described(TEXT, "Slug."),
        "displayName": TEXT,
        "isConfigured": described(
            {"type": "boolean"}, "Whether the project has a credential for it."
        ),
        "defaultModel": described(
            {"type": ["string", "null"]}, "Asked when it is forced and nothing named."
        ),
        "capabilities": {"type": "array", "items": TEXT},
        "estimatedCost": own_object(
            {"inputPerMToken": MAYBE_NUMBER, "outputPerMToken": MAYBE_NUMBER}
        ),
        "rateLimits": described(
            OBJECT, "Limits of the key, whoever answers, e.g. `requestsPerMinute`."
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
            own_object(
                {
                    "total": COUNT,
                    "active": described(COUNT, "How many are configured."),
                    "providers": {"type": "array", "items": _PROVIDER},
                }
            ),
            "The list.",
        ),
        **refusals(401, 403, 500, 503),
    },
)

_HEALTH = own_object(
    {
        "overall": described(
            TEXT,
            "`degraded` when one that is configured fails, `down` when none is left.",
            enum=["healthy", "degraded", "down"],
        ),
        "providers": described(
            {
                "type": "object",
                "additionalProperties": own_object(
                    {
                        "status": described(
                            TEXT,
                            "`configured`: there is a key, and no recent check.",
                            enum=["ok", "failing", "configured", "missing"],
                        ),
                        "latencyMs": MAYBE_NUMBER,
                        "checkedAt": {
                            "type": ["string", "null"],
                            "format": "date-time",
                        },
                    }
                ),
            },
            "By slug.",
        ),
        "routing": own_object(
            {
                "activeProviders": COUNT,
                "routingStrategy": described(TEXT, "Of the project's default alias."),
                "providers": described(
                    {"type": "array", "items": TEXT}, "Those that can be asked now."
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
        **refusals(401, 403, 500, 503),
    },
)
