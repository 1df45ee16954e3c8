"""How the address that signed messages are posted to is described."""

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema

from gateway.openapi.json_schemas import OBJECT, TEXT, TRUTH, object_of
from workflows.openapi.shapes import TAGS, refusals

hook_schema = extend_schema(
    operation_id="post_to_webhook",
    summary="Begin a run by a signed message",
    description=(
        "Signed as the Standard Webhooks specification has it, with the secret that was "
        "shown when the webhook was made. The body, a JSON object, is the run's input. "
        "A message that comes again, by its `webhook-id`, begins nothing new."
    ),
    tags=TAGS,
    auth=[],
    parameters=[
        OpenApiParameter(name, str, "header", required=True)
        for name in ("webhook-id", "webhook-timestamp", "webhook-signature")
    ],
    request={"application/json": OBJECT},
    responses={
        202: OpenApiResponse(
            object_of({"success": TRUTH, "runId": TEXT, "status": TEXT}), "The run."
        ),
        **refusals(400, 401, 404, 409, 413, 429, 500),
    },
)
