"""What the descriptions of the routes have in common."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse

from gateway.openapi.headers import PROJECT, REQUEST_ID
from gateway.openapi.json_schemas import (
    COUNT,
    MAYBE_COUNT,
    MAYBE_MOMENT,
    MAYBE_NUMBER,
    MAYBE_TEXT,
    NUMBER,
    OBJECT,
    TEXT,
    TRUTH,
    Schema,
    described,
    list_of,
    object_of,
)
from gateway.openapi.refusals import REFUSALS
from workflows.models import WorkflowRun

TAGS = ["Workflows"]
_USD = described(MAYBE_NUMBER, "USD.")
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


MISTAKES = list_of(object_of({"path": TEXT, "message": TEXT}))
_ERROR = object_of(
    {
        "success": {"type": "boolean", "const": False},
        "requestId": TEXT,
        "error": object_of(
            {
                "code": TEXT,
                "message": TEXT,
                "param": TEXT,
                "mistakes": MISTAKES,
            }
        ),
    },
    "success",
    "requestId",
    "error",
)


def refusals(*statuses: int) -> dict[int, OpenApiResponse]:
    found = {}
    for status in statuses:
        when, codes = _WORDS.get(status) or REFUSALS[status]
        listed = ", ".join(f"`{code}`" for code in codes.split())
        found[status] = OpenApiResponse(_ERROR, f"{when} Code: {listed}.")
    return found


ANYWHERE = (401, 403, 429, 500, 503)
HEADERS = [PROJECT, REQUEST_ID]
ONCE = OpenApiParameter(
    "Idempotency-Key",
    str,
    "header",
    description="Sent again with the same body, it makes nothing new; for a day.",
)
DEFINITION = {
    **OBJECT,
    "description": "A definition; GET /api/workflows/schema holds its JSON Schema.",
}
STEP = object_of(
    {
        "id": TEXT,
        "action": TEXT,
        "status": described(
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
        "outputOmitted": described(TRUTH, "Too long for here: ask for the step alone."),
        "error": {
            "type": ["object", "null"],
            "properties": {"code": TEXT, "message": TEXT},
        },
        "attempts": COUNT,
        "costUSD": _USD,
        "latencyMs": MAYBE_COUNT,
        "provider": MAYBE_TEXT,
        "model": MAYBE_TEXT,
        "approval": described(
            object_of(
                {
                    "reason": TEXT,
                    "shown": {"description": "What is to be agreed to."},
                    "digest": described(
                        TEXT, "Of what is shown; sent with a decision."
                    ),
                    "byAnother": TRUTH,
                    "expiresAt": MAYBE_MOMENT,
                }
            ),
            "Only while it waits for a decision.",
        ),
    }
)
SUMMARY: dict[str, Any] = {
    "success": described(TRUTH, "False when the run has failed or was cancelled."),
    "runId": TEXT,
    "id": described(TEXT, "The same."),
    "workflowId": described(MAYBE_TEXT, "Null when the definition came with the run."),
    "name": TEXT,
    "version": COUNT,
    "status": {"type": "string", "enum": list(WorkflowRun.Status.values)},
    "trigger": TEXT,
    "userId": MAYBE_TEXT,
    "totalCostUSD": NUMBER,
    "totalLatencyMs": COUNT,
    "createdAt": MAYBE_MOMENT,
    "startedAt": MAYBE_MOMENT,
    "endedAt": MAYBE_MOMENT,
    "error": described(
        object_of({"code": TEXT, "message": TEXT, "step": MAYBE_TEXT}),
        "Why it failed, if it has.",
    ),
}
RUN = object_of({**SUMMARY, "steps": list_of(STEP)})
WORKFLOW: dict[str, Any] = {
    "id": TEXT,
    "workflowId": described(TEXT, "The same."),
    "name": TEXT,
    "version": COUNT,
    "status": {"type": "string", "enum": ["draft", "active", "archived"]},
    "steps": described(COUNT, "How many."),
    "createdAt": MAYBE_MOMENT,
    "updatedAt": MAYBE_MOMENT,
}
PAGE = [
    OpenApiParameter("limit", int, "query", description="1 to 200; 50 by default."),
    OpenApiParameter(
        "cursor", str, "query", description="`nextCursor` of the page before."
    ),
]


def page_of(name: str, row: Schema, **more: Schema) -> Schema:
    """Return the schema of a page of rows, under the name that the rows have there."""
    members = {"success": TRUTH, **more, name: list_of(row), "nextCursor": MAYBE_TEXT}
    return object_of(members)


EXAMPLE = {
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
