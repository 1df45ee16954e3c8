"""How /proxy/{provider}/{path} is described."""

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema

from gateway.openapi.headers import ANSWER, ATTRIBUTION, BOUNDS, PROJECT, REQUEST_ID
from gateway.openapi.refusals import refusals

_STATUSES = (400, 401, 402, 403, 404, 409, 413, 422, 429, 500, 502, 503, 504)
_ANYTHING = {"type": "object", "additionalProperties": True}

proxy_schema = extend_schema(
    operation_id="pass_through",
    summary="Call a provider at its own path",
    description=(
        "Sends the request on as it is, with the provider's credential in place of the "
        "project key, and returns the provider's answer as it is, errors included. The "
        "path must match an endpoint of the provider; the body or the path names a model "
        "that the catalog knows, so that the call can be metered. Controls of Signalbox, "
        "aliases and fallbacks do not apply; limits and regions do."
    ),
    tags=["Pass-through"],
    parameters=[
        OpenApiParameter("provider", str, "path", description="The provider's slug."),
        OpenApiParameter(
            "path",
            str,
            "path",
            description="The provider's own path, with its slashes.",
        ),
        PROJECT,
        *ATTRIBUTION,
        *BOUNDS,
        REQUEST_ID,
        *ANSWER,
    ],
    request={"application/json": _ANYTHING},
    responses={
        (200, "application/json"): OpenApiResponse(_ANYTHING, "The provider's answer."),
        **refusals(*_STATUSES),
    },
)
