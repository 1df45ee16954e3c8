"""Approving and rejecting what a run waits for."""

from functools import partial
from uuid import UUID

from rest_framework.request import Request

from gateway.refusals import Refusal
from gateway.replies import EdgeReply
from gateway.types import JSON
from workflows.openapi.runs import approve_schema, reject_schema
from workflows.runs.answers import run_with_steps
from workflows.runs.deciding import Decision, NotDecided, decide
from workflows.views.base import WorkflowView, run_of, text_in
from workflows.waking import wake

_FIELDS = ("step", "stepId", "userId", "digest", "reason", "comment")
_MAX_REASON = 500


class DecideView(WorkflowView):
    methods = ("POST",)

    async def decided(self, run_id: UUID, *, approves: bool) -> EdgeReply:
        body = self.body_with(*_FIELDS)
        decision = Decision(
            approves=approves,
            by=text_in(body, "userId"),
            step=text_in(body, "step") or text_in(body, "stepId"),
            digest=text_in(body, "digest"),
            reason=text_in(body, "reason", _MAX_REASON)
            or text_in(body, "comment", _MAX_REASON),
        )
        content = await self.read(partial(_decided, run_id, self.project_id, decision))
        wake([run_id])
        return self.reply({**content, "success": True})


class ApproveView(DecideView):
    """Lets a step that waits for approval be done."""

    @approve_schema
    async def post(self, request: Request, run_id: UUID) -> EdgeReply:
        return await self.decided(run_id, approves=True)


class RejectView(DecideView):
    """Fails a step that waits for approval."""

    @reject_schema
    async def post(self, request: Request, run_id: UUID) -> EdgeReply:
        return await self.decided(run_id, approves=False)


def _decided(run_id: UUID, project_id: int, decision: Decision) -> JSON:
    try:
        decide(run_id, project_id, decision)
    except NotDecided as error:
        raise Refusal(str(error), status=error.status, code=error.code) from error
    return run_with_steps(run_of(run_id, project_id))
