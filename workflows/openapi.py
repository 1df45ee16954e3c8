"""How the routes of workflows are described."""

from typing import Any

from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiParameter,
    OpenApiResponse,
    extend_schema,
)

from gateway.openapi.common import PROJECT, REFUSALS, REQUEST_ID
from workflows.limits import MAX_SYNCHRONOUS_S
from workflows.models import WorkflowRun

_TAGS = ["Workflows"]
_TEXT: dict[str, Any] = {"type": "string"}
_MAYBE_TEXT: dict[str, Any] = {"type": ["string", "null"]}
_MOMENT: dict[str, Any] = {"type": ["string", "null"], "format": "date-time"}
_COUNT: dict[str, Any] = {"type": "integer"}
_USD: dict[str, Any] = {"type": ["number", "null"], "description": "USD."}
_TRUTH: dict[str, Any] = {"type": "boolean"}
_OBJECT: dict[str, Any] = {"type": "object", "additionalProperties": True}
_WORDS = {
    409: (
        "It cannot be done as things stand now.",
        "conflict idempotency_key_reused version_exists no_active_version",
    ),
    404: ("There is nothing of that name in the project.", "not_found"),
    400: (
        "The body or a definition is wrong; `mistakes` holds all of them.",
        "invalid_request",
    ),
    403: ("The key, or who decides, may not do this.", "permission_denied"),
}


def _of(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    described: dict[str, Any] = {"type": "object", "properties": properties}
    if required:
        described["required"] = list(required)
    return described


def _with(kind: dict[str, Any], description: str) -> dict[str, Any]:
    return {**kind, "description": description}


_ERROR = _of(
    {
        "success": {"type": "boolean", "const": False},
        "requestId": _TEXT,
        "error": _of(
            {
                "code": _TEXT,
                "message": _TEXT,
                "param": _TEXT,
                "mistakes": {
                    "type": "array",
                    "items": _of({"path": _TEXT, "message": _TEXT}),
                },
            }
        ),
    },
    "success",
    "requestId",
    "error",
)


def _refusals(*statuses: int) -> dict[int, OpenApiResponse]:
    found = {}
    for status in statuses:
        when, codes = _WORDS.get(status) or REFUSALS[status]
        listed = ", ".join(f"`{code}`" for code in codes.split())
        found[status] = OpenApiResponse(_ERROR, f"{when} Code: {listed}.")
    return found


_ANYWHERE = (401, 403, 429, 500, 503)
_HEADERS = [PROJECT, REQUEST_ID]
_ONCE = OpenApiParameter(
    "Idempotency-Key",
    str,
    "header",
    description="Sent again with the same body, it makes nothing new; for a day.",
)
_DEFINITION = {
    **_OBJECT,
    "description": "A definition; GET /api/workflows/schema holds its JSON Schema.",
}
_STEP = _of(
    {
        "id": _TEXT,
        "action": _TEXT,
        "status": _with(
            {
                "type": "string",
                "enum": [
                    "pending",
                    "running",
                    "waiting",
                    "waiting_approval",
                    "completed",
                    "failed",
                    "skipped",
                    "cancelled",
                ],
            },
            "`skipped`: its `when` did not hold, or no step led to it.",
        ),
        "output": {"description": "Any JSON; null until it is completed."},
        "outputOmitted": _with(_TRUTH, "Too long for here: ask for the step alone."),
        "error": {
            "type": ["object", "null"],
            "properties": {"code": _TEXT, "message": _TEXT},
        },
        "attempts": _COUNT,
        "costUSD": _USD,
        "latencyMs": {"type": ["integer", "null"]},
        "provider": _MAYBE_TEXT,
        "model": _MAYBE_TEXT,
        "approval": _with(
            _of(
                {
                    "reason": _TEXT,
                    "shown": {"description": "What is to be agreed to."},
                    "digest": _with(_TEXT, "Of what is shown; sent with a decision."),
                    "byAnother": _TRUTH,
                    "expiresAt": _MOMENT,
                }
            ),
            "Only while it waits for a decision.",
        ),
    }
)
_SUMMARY: dict[str, Any] = {
    "success": _with(_TRUTH, "False when the run has failed or was cancelled."),
    "runId": _TEXT,
    "id": _with(_TEXT, "The same."),
    "workflowId": _with(_MAYBE_TEXT, "Null when the definition came with the run."),
    "name": _TEXT,
    "version": _COUNT,
    "status": {"type": "string", "enum": list(WorkflowRun.Status.values)},
    "trigger": _TEXT,
    "userId": _MAYBE_TEXT,
    "totalCostUSD": {"type": "number"},
    "totalLatencyMs": _COUNT,
    "createdAt": _MOMENT,
    "startedAt": _MOMENT,
    "endedAt": _MOMENT,
    "error": _with(
        _of({"code": _TEXT, "message": _TEXT, "step": _MAYBE_TEXT}),
        "Why it failed, if it has.",
    ),
}
_RUN = _of({**_SUMMARY, "steps": {"type": "array", "items": _STEP}})
_WORKFLOW: dict[str, Any] = {
    "id": _TEXT,
    "workflowId": _with(_TEXT, "The same."),
    "name": _TEXT,
    "version": _COUNT,
    "status": {"type": "string", "enum": ["draft", "active", "archived"]},
    "steps": _with(_COUNT, "How many."),
    "createdAt": _MOMENT,
    "updatedAt": _MOMENT,
}
_PAGE = [
    OpenApiParameter("limit", int, "query", description="1 to 200; 50 by default."),
    OpenApiParameter(
        "cursor", str, "query", description="`nextCursor` of the page before."
    ),
]
_EXAMPLE = {
    "name": "research-and-summarize",
    "version": 1,
    "steps": [
        {
            "id": "research",
            "action": "generate",
            "input": {"prompt": "Research {{input.topic}}", "maxTokens": 1000},
            "onSuccess": "summarize",
        },
        {
            "id": "summarize",
            "action": "generate",
            "input": {"prompt": "Summarize: {{research.output}}"},
        },
    ],
}

run_schema = extend_schema(
    operation_id="run_workflow",
    summary="Run a workflow",
    tags=_TAGS,
    parameters=[*_HEADERS, _ONCE],
    request={
        "application/json": _of(
            {
                "workflow": _DEFINITION,
                "workflowId": _with(
                    _TEXT, "Id or name of a stored one, in place of `workflow`."
                ),
                "version": _with(
                    _COUNT, "Of the stored one; by default what is active."
                ),
                "input": _with(_OBJECT, "What `{{input.name}}` stands for."),
                "userId": _with(_TEXT, "End user of the project."),
                "wait": {
                    "type": ["boolean", "number"],
                    "default": False,
                    "description": "Answer when the run is over, or after so many "
                    f"seconds; at most, and for `true`, {MAX_SYNCHRONOUS_S:g}.",
                },
            }
        )
    },
    responses={
        200: OpenApiResponse(_RUN, "The run is over."),
        202: OpenApiResponse(_RUN, "The run goes on."),
        **_refusals(400, 404, 409, 413, *_ANYWHERE),
    },
    examples=[
        OpenApiExample(
            "Run",
            {"workflow": _EXAMPLE, "input": {"topic": "AI"}, "wait": True},
            request_only=True,
        )
    ],
)
create_schema = extend_schema(
    operation_id="create_workflow",
    summary="Keep a workflow",
    description=(
        "The body is a definition, or holds one as `definition`. Without a version it "
        "gets the next one. The version becomes the active one, unless its status is "
        "`draft`."
    ),
    tags=_TAGS,
    parameters=[*_HEADERS, _ONCE],
    request={"application/json": _DEFINITION},
    responses={
        201: OpenApiResponse(_of({"success": _TRUTH, **_WORKFLOW}), "It is kept."),
        **_refusals(400, 409, 413, *_ANYWHERE),
    },
    examples=[OpenApiExample("Definition", _EXAMPLE, request_only=True)],
)
validate_schema = extend_schema(
    operation_id="validate_workflow",
    summary="Say what is wrong with a definition",
    tags=_TAGS,
    parameters=_HEADERS,
    request={"application/json": _DEFINITION},
    responses={
        200: OpenApiResponse(
            _of(
                {
                    "success": _TRUTH,
                    "valid": _TRUTH,
                    "mistakes": {
                        "type": "array",
                        "items": _of({"path": _TEXT, "message": _TEXT}),
                    },
                }
            ),
            "All mistakes.",
        ),
        **_refusals(400, 413, *_ANYWHERE),
    },
)
list_schema = extend_schema(
    operation_id="list_workflows",
    summary="List the project's workflows",
    tags=_TAGS,
    parameters=[*_HEADERS, *_PAGE],
    responses={
        200: OpenApiResponse(
            _of(
                {
                    "success": _TRUTH,
                    "total": _COUNT,
                    "workflows": {"type": "array", "items": _of(_WORKFLOW)},
                    "nextCursor": _MAYBE_TEXT,
                }
            ),
            "A page.",
        ),
        **_refusals(400, *_ANYWHERE),
    },
)
workflow_schema = extend_schema(
    operation_id="show_workflow",
    summary="Show a stored workflow with its definition",
    tags=_TAGS,
    parameters=_HEADERS,
    responses={
        200: OpenApiResponse(
            _of({"success": _TRUTH, **_WORKFLOW, "definition": _DEFINITION}),
            "The version that is active; without one, the newest.",
        ),
        **_refusals(404, *_ANYWHERE),
    },
)
secret_schema = extend_schema(
    operation_id="show_signing_secret",
    summary="Show what the project's webhooks are signed with",
    description="As the Standard Webhooks specification has it.",
    tags=_TAGS,
    parameters=_HEADERS,
    responses={
        200: OpenApiResponse(_of({"success": _TRUTH, "secret": _TEXT}), "The secret."),
        **_refusals(*_ANYWHERE),
    },
)
runs_schema = extend_schema(
    operation_id="list_runs",
    summary="List the project's runs",
    tags=_TAGS,
    parameters=[
        *_HEADERS,
        *_PAGE,
        OpenApiParameter("workflowId", str, "query"),
        OpenApiParameter("userId", str, "query"),
        OpenApiParameter("status", str, "query", enum=list(WorkflowRun.Status.values)),
    ],
    responses={
        200: OpenApiResponse(
            _of(
                {
                    "success": _TRUTH,
                    "runs": {"type": "array", "items": _of(_SUMMARY)},
                    "nextCursor": _MAYBE_TEXT,
                }
            ),
            "A page, the newest first, without steps.",
        ),
        **_refusals(400, *_ANYWHERE),
    },
)
show_run_schema = extend_schema(
    operation_id="show_run",
    summary="Show a run with its steps",
    tags=_TAGS,
    parameters=_HEADERS,
    responses={
        200: OpenApiResponse(_RUN, "The run."),
        **_refusals(404, *_ANYWHERE),
    },
)
step_schema = extend_schema(
    operation_id="show_step",
    summary="Show one step of a run",
    tags=_TAGS,
    parameters=_HEADERS,
    responses={
        200: OpenApiResponse(_STEP, "The step with its output."),
        **_refusals(404, *_ANYWHERE),
    },
)
events_schema = extend_schema(
    operation_id="watch_run",
    summary="Watch a run as server-sent events",
    description=(
        "`event: step` holds a step without its output, first all that have begun and "
        "then each that changes; `event: run` the run when its status changes; "
        "`event: done` the run when it is over."
    ),
    tags=_TAGS,
    parameters=_HEADERS,
    responses={
        (200, "text/event-stream"): OpenApiResponse(_of(_SUMMARY), "The events."),
        **_refusals(404, *_ANYWHERE),
    },
)
cancel_schema = extend_schema(
    operation_id="cancel_run",
    summary="Cancel a run",
    description="Steps under way are cut off within seconds. Doing so twice is no error.",
    tags=_TAGS,
    parameters=_HEADERS,
    request=None,
    responses={
        200: OpenApiResponse(_RUN, "The run, cancelled."),
        **_refusals(404, 409, *_ANYWHERE),
    },
)
_DECISION = {
    "application/json": _of(
        {
            "step": _with(_TEXT, "Needed when several steps wait."),
            "userId": _with(_TEXT, "Who decides."),
            "digest": _with(
                _TEXT, "Of what was shown: the decision is for that alone."
            ),
            "reason": _TEXT,
        }
    )
}
_DECIDED = {
    200: OpenApiResponse(_RUN, "The run, as it stands after the decision."),
    **_refusals(400, 404, 409, *_ANYWHERE),
}
approve_schema = extend_schema(
    operation_id="approve_step",
    summary="Approve a step that waits",
    description="Of several decisions at the same time one counts; the others get 409.",
    tags=_TAGS,
    parameters=_HEADERS,
    request=_DECISION,
    responses=_DECIDED,
)
reject_schema = extend_schema(
    operation_id="reject_step",
    summary="Reject a step that waits",
    description="The step fails, and `onFailure` says what follows.",
    tags=_TAGS,
    parameters=_HEADERS,
    request=_DECISION,
    responses=_DECIDED,
)
definition_schema_schema = extend_schema(
    operation_id="show_definition_schema",
    summary="Show the JSON Schema of definitions",
    tags=_TAGS,
    auth=[],
    responses={200: OpenApiResponse(_OBJECT, "The schema, Draft 2020-12.")},
)
