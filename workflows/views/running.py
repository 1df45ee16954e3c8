"""Running workflows, and ending runs."""

from functools import partial
from uuid import UUID

from rest_framework.request import Request

from gateway.refusals import InvalidRequest, Refusal
from gateway.replies import EdgeReply
from gateway.types import JSON
from workflows.limits import MAX_SYNCHRONOUS_S
from workflows.models import WorkflowRun
from workflows.openapi.runs import cancel_schema, retry_schema, run_schema
from workflows.runs.answers import run_with_steps
from workflows.runs.cancelling import cancel_run
from workflows.runs.keys import once
from workflows.runs.requesting import RunRequest, request_run
from workflows.runs.retrying import retry_run
from workflows.views.base import WorkflowView, checked, run_of, text_in
from workflows.views.desk import desk
from workflows.waking import wake

_FIELDS = ("workflow", "workflowId", "version", "input", "userId", "wait")


class RunView(WorkflowView):
    """Runs a workflow: one that is stored, or the one in the body."""

    methods = ("POST",)

    @run_schema
    async def post(self, request: Request) -> EdgeReply:
        body = self.body_with(*_FIELDS)
        seconds = _seconds_to_wait(body)
        asked = self._asked(body)
        run_id = await self.read(partial(request_run, asked, self.edge.key))
        wake([run_id])
        if seconds:
            await desk().watcher.until_over(run_id, seconds)
        return await self.told(run_id)

    def _asked(self, body: JSON) -> RunRequest:
        definition, name = body.get("workflow"), text_in(body, "workflowId")
        if (definition is None) == (not name):
            msg = "Give 'workflow', a definition, or 'workflowId', one that is stored."
            raise InvalidRequest(msg, param="workflow")
        given = body.get("input")
        if given is not None and not isinstance(given, dict):
            raise InvalidRequest("'input' must be an object.", param="input")
        return RunRequest(
            definition=None if definition is None else checked(definition),
            workflow=name,
            version=_version(body),
            input=given or {},
            end_user=text_in(body, "userId"),
            idempotency_key=self.idempotency_key(),
        )

    async def told(self, run_id: UUID) -> EdgeReply:
        """Return the run: 200 when it is over, else 202."""
        run, content = await self.read(partial(_told, run_id, self.project_id))
        return self.reply(content, 202 if run else 200)


class CancelView(WorkflowView):
    """Ends a run and all that it has begun."""

    methods = ("POST",)

    @cancel_schema
    async def post(self, request: Request, run_id: UUID) -> EdgeReply:
        self.body_with()
        changed = await self.read(partial(_cancel, run_id, self.project_id))
        wake(changed)
        _, content = await self.read(partial(_told, run_id, self.project_id))
        return self.reply({**content, "success": True})


class RetryView(WorkflowView):
    """Makes a run that begins with what another one has finished."""

    methods = ("POST",)

    @retry_schema
    async def post(self, request: Request, run_id: UUID) -> EdgeReply:
        step = text_in(self.body_with("step"), "step")
        key = self.idempotency_key()
        again = await self.read(partial(_retry, run_id, self.project_id, step, key))
        wake([again])
        _, content = await self.read(partial(_told, again, self.project_id))
        return self.reply(content, 202)


def _retry(run_id: UUID, project_id: int, step: str, key: str) -> UUID:
    run = run_of(run_id, project_id)

    def make() -> WorkflowRun:
        return retry_run(run, step, trigger=WorkflowRun.Trigger.API)

    return once("retry", key, project_id, [str(run_id), step], make).pk


def _told(run_id: UUID, project_id: int) -> tuple[bool, JSON]:
    run = run_of(run_id, project_id)
    return run.is_active, run_with_steps(run)


def _cancel(run_id: UUID, project_id: int) -> list[UUID]:
    run = run_of(run_id, project_id)
    if not run.is_active and run.status != run.Status.CANCELLED:
        msg = f"The run has ended already; it is {run.status}."
        raise Refusal(msg, status=409, code="conflict")
    return cancel_run(run_id)


def _seconds_to_wait(body: JSON) -> float:
    wait = body.get("wait", False)
    if isinstance(wait, bool):
        return MAX_SYNCHRONOUS_S if wait else 0.0
    if isinstance(wait, int | float) and 0 <= wait <= MAX_SYNCHRONOUS_S:
        return float(wait)
    msg = f"'wait' is true, false, or seconds up to {MAX_SYNCHRONOUS_S:g}."
    raise InvalidRequest(msg, param="wait")


def _version(body: JSON) -> int | None:
    version = body.get("version")
    if version is None or (type(version) is int and version > 0):
        return version
    raise InvalidRequest("'version' must be a whole number.", param="version")
