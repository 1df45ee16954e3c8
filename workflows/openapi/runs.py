"""How the routes of runs are described."""

from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiParameter,
    OpenApiResponse,
    extend_schema,
)

from gateway.openapi.json_schemas import COUNT, OBJECT, TEXT, described, object_of
from workflows.limits import MAX_SYNCHRONOUS_S
from workflows.models import WorkflowRun
from workflows.openapi.shapes import (
    ANYWHERE,
    DEFINITION,
    EXAMPLE,
    HEADERS,
    ONCE,
    PAGE,
    RUN,
    STEP,
    SUMMARY,
    TAGS,
    page_of,
    refusals,
)

run_schema = extend_schema(
    operation_id="run_workflow",
    summary="Run a workflow",
    tags=TAGS,
    parameters=[*HEADERS, ONCE],
    request={
        "application/json": object_of(
            {
                "workflow": DEFINITION,
                "workflowId": described(
                    TEXT, "Id or name of a stored one, in place of `workflow`."
                ),
                "version": described(
                    COUNT, "Of the stored one; by default what is active."
                ),
                "input": described(OBJECT, "What `{{input.name}}` stands for."),
                "userId": described(TEXT, "End user of the project."),
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
        200: OpenApiResponse(RUN, "The run is over."),
        202: OpenApiResponse(RUN, "The run goes on."),
        **refusals(400, 404, 409, 413, *ANYWHERE),
    },
    examples=[
        OpenApiExample(
            "Run",
            {"workflow": EXAMPLE, "input": {"topic": "AI"}, "wait": True},
            request_only=True,
        )
    ],
)
runs_schema = extend_schema(
    operation_id="list_runs",
    summary="List the project's runs",
    tags=TAGS,
    parameters=[
        *HEADERS,
        *PAGE,
        OpenApiParameter("workflowId", str, "query"),
        OpenApiParameter("userId", str, "query"),
        OpenApiParameter("status", str, "query", enum=list(WorkflowRun.Status.values)),
    ],
    responses={
        200: OpenApiResponse(
            page_of("runs", object_of(SUMMARY)),
            "A page, the newest first, without steps.",
        ),
        **refusals(400, *ANYWHERE),
    },
)
show_run_schema = extend_schema(
    operation_id="show_run",
    summary="Show a run with its steps",
    tags=TAGS,
    parameters=HEADERS,
    responses={
        200: OpenApiResponse(RUN, "The run."),
        **refusals(404, *ANYWHERE),
    },
)
step_schema = extend_schema(
    operation_id="show_step",
    summary="Show one step of a run",
    tags=TAGS,
    parameters=HEADERS,
    responses={
        200: OpenApiResponse(STEP, "The step with its output."),
        **refusals(404, *ANYWHERE),
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
    tags=TAGS,
    parameters=HEADERS,
    responses={
        (200, "text/event-stream"): OpenApiResponse(object_of(SUMMARY), "The events."),
        **refusals(404, *ANYWHERE),
    },
)
cancel_schema = extend_schema(
    operation_id="cancel_run",
    summary="Cancel a run",
    description="Steps under way are cut off within seconds. Doing so twice is no error.",
    tags=TAGS,
    parameters=HEADERS,
    request=None,
    responses={
        200: OpenApiResponse(RUN, "The run, cancelled."),
        **refusals(404, 409, *ANYWHERE),
    },
)
_DECISION = {
    "application/json": object_of(
        {
            "step": described(TEXT, "Needed when several steps wait."),
            "userId": described(TEXT, "Who decides."),
            "digest": described(
                TEXT, "Of what was shown: the decision is for that alone."
            ),
            "reason": TEXT,
        }
    )
}
_DECIDED = {
    200: OpenApiResponse(RUN, "The run, as it stands after the decision."),
    **refusals(400, 404, 409, *ANYWHERE),
}
approve_schema = extend_schema(
    operation_id="approve_step",
    summary="Approve a step that waits",
    description="Of several decisions at the same time one counts; the others get 409.",
    tags=TAGS,
    parameters=HEADERS,
    request=_DECISION,
    responses=_DECIDED,
)
reject_schema = extend_schema(
    operation_id="reject_step",
    summary="Reject a step that waits",
    description="The step fails, and `onFailure` says what follows.",
    tags=TAGS,
    parameters=HEADERS,
    request=_DECISION,
    responses=_DECIDED,
)
retry_schema = extend_schema(
    operation_id="retry_run",
    summary="Run once more from a step on",
    description=(
        "Makes a new run of the same version and input. It begins with what was "
        "finished, outputs included, and does the step and all that follows it again."
    ),
    tags=TAGS,
    parameters=[*HEADERS, ONCE],
    request={
        "application/json": object_of(
            {"step": described(TEXT, "By default the step that failed.")}
        )
    },
    responses={
        202: OpenApiResponse(RUN, "The new run."),
        **refusals(400, 404, 409, *ANYWHERE),
    },
)
