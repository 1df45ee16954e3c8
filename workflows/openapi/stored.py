"""How the routes of stored workflows are described."""

from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema

from gateway.openapi.json_schemas import COUNT, OBJECT, TEXT, TRUTH, object_of
from workflows.openapi.shapes import (
    ANYWHERE,
    DEFINITION,
    EXAMPLE,
    HEADERS,
    MISTAKES,
    ONCE,
    PAGE,
    TAGS,
    WORKFLOW,
    page_of,
    refusals,
)

create_schema = extend_schema(
    operation_id="create_workflow",
    summary="Keep a workflow",
    description=(
        "The body is a definition, or holds one as `definition`. Without a version it "
        "gets the next one. The version becomes the active one, unless its status is "
        "`draft`."
    ),
    tags=TAGS,
    parameters=[*HEADERS, ONCE],
    request={"application/json": DEFINITION},
    responses={
        201: OpenApiResponse(object_of({"success": TRUTH, **WORKFLOW}), "It is kept."),
        **refusals(400, 409, 413, *ANYWHERE),
    },
    examples=[OpenApiExample("Definition", EXAMPLE, request_only=True)],
)
validate_schema = extend_schema(
    operation_id="validate_workflow",
    summary="Say what is wrong with a definition",
    tags=TAGS,
    parameters=HEADERS,
    request={"application/json": DEFINITION},
    responses={
        200: OpenApiResponse(
            object_of(
                {
                    "success": TRUTH,
                    "valid": TRUTH,
                    "mistakes": MISTAKES,
                }
            ),
            "All mistakes.",
        ),
        **refusals(400, 413, *ANYWHERE),
    },
)
list_schema = extend_schema(
    operation_id="list_workflows",
    summary="List the project's workflows",
    tags=TAGS,
    parameters=[*HEADERS, *PAGE],
    responses={
        200: OpenApiResponse(
            page_of("workflows", object_of(WORKFLOW), total=COUNT),
            "A page.",
        ),
        **refusals(400, *ANYWHERE),
    },
)
workflow_schema = extend_schema(
    operation_id="show_workflow",
    summary="Show a stored workflow with its definition",
    tags=TAGS,
    parameters=HEADERS,
    responses={
        200: OpenApiResponse(
            object_of({"success": TRUTH, **WORKFLOW, "definition": DEFINITION}),
            "The version that is active; without one, the newest.",
        ),
        **refusals(404, *ANYWHERE),
    },
)
secret_schema = extend_schema(
    operation_id="show_signing_secret",
    summary="Show what the project's webhooks are signed with",
    description="As the Standard Webhooks specification has it.",
    tags=TAGS,
    parameters=HEADERS,
    responses={
        200: OpenApiResponse(
            object_of({"success": TRUTH, "secret": TEXT}), "The secret."
        ),
        **refusals(*ANYWHERE),
    },
)
definition_schema_schema = extend_schema(
    operation_id="show_definition_schema",
    summary="Show the JSON Schema of definitions",
    tags=TAGS,
    auth=[],
    responses={200: OpenApiResponse(OBJECT, "The schema, Draft 2020-12.")},
)
