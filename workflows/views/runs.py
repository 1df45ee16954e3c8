"""Looking at runs: a list, one of them, and what happens to it as it happens."""

from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any
from uuid import UUID

import orjson
from django.db.models import Q
from rest_framework.request import Request

from gateway.dialects import signalbox
from gateway.dialects.signalbox.protocol import event
from gateway.refusals import InvalidRequest, Refusal
from gateway.replies import EdgeReply
from gateway.types import JSON
from workflows.models import StepRun, WorkflowRun
from workflows.models.step import MAIN
from workflows.openapi.runs import (
    events_schema,
    runs_schema,
    show_run_schema,
    step_schema,
)
from workflows.runs.answers import (
    run_summary,
    run_with_steps,
    shown_output,
    step_small,
)
from workflows.runs.paging import page_of, page_size, uuid_in
from workflows.runs.watching import Watcher
from workflows.views.base import WorkflowView, run_of
from workflows.views.desk import desk

_SSE_HEAD = (
    b"content-type: text/event-stream; charset=utf-8\r\n"
    b"cache-control: private, no-store\r\n"
    b"x-content-type-options: nosniff\r\n"
    b"x-accel-buffering: no\r\n"
    b"x-request-id: %b\r\n"
)


class RunsView(WorkflowView):
    """The project's runs, the newest first."""

    methods = ("GET",)

    @runs_schema
    async def get(self, request: Request) -> EdgeReply:
        query = self.query()
        wanted = _wanted(query)
        find = partial(
            _list, self.project_id, wanted, page_size(query), query.get("cursor", "")
        )
        return self.reply(await self.read(find))


class OneRunView(WorkflowView):
    """One run with its steps and their outputs."""

    methods = ("GET",)

    @show_run_schema
    async def get(self, request: Request, run_id: UUID) -> EdgeReply:
        return self.reply(await self.read(partial(_one, run_id, self.project_id)))


class StepView(WorkflowView):
    """One step, with an output that is too long for the whole run's answer."""

    methods = ("GET",)

    @step_schema
    async def get(self, request: Request, run_id: UUID, step: str) -> EdgeReply:
        return self.reply(
            await self.read(partial(_step, run_id, step, self.project_id))
        )


class EventsView(WorkflowView):
    """What happens to a run, as server-sent events."""

    methods = ("GET",)

    @events_schema
    async def get(self, request: Request, run_id: UUID) -> EdgeReply:
        find = partial(_progress, run_id, self.project_id)
        first = await self.read(find)
        head = _SSE_HEAD % self.edge.request_id.encode()
        stream = RunEvents(run_id, first, find, self.read, desk().watcher)
        return EdgeReply(200, head, stream=stream)


class RunEvents:
    """The steps as they stand, then each change, then how it ended."""

    keepalive = signalbox.KEEPALIVE

    def __init__(
        self,
        run_id: UUID,
        first: tuple[int, JSON, list[JSON]],
        find: Callable[[], tuple[int, JSON, list[JSON]]],
        read: Callable[[Callable[[], Any]], Any],
        watcher: Watcher,
    ) -> None:
        self._run_id = run_id
        self._next = first
        self._find = find
        self._read = read
        self._watcher = watcher

    async def events(self) -> AsyncIterator[bytes]:
        told: dict[str, JSON] = {}
        status = ""
        while True:
            revision, run, steps = self._next
            for step in steps:
                if told.get(step["id"]) != step:
                    told[step["id"]] = step
                    yield event(b"step", orjson.dumps(step))
            if run["endedAt"] is not None:
                yield event(b"done", orjson.dumps(run))
                return
            if run["status"] != status:
                status = run["status"]
                yield event(b"run", orjson.dumps(run))
            if await self._watcher.change(self._run_id, revision) is None:
                return
            self._next = await self._read(self._find)

    def break_off(self, refusal: Refusal) -> bytes:
        body = signalbox.build_error(
            refusal.status_code, refusal.code, refusal.message, None
        )
        return event(b"error", body)

    def close(self) -> None:
        """Nothing is held: the watcher forgets who is cancelled."""


def _wanted(query: dict[str, str]) -> Q:
    wanted = Q()
    if (workflow := uuid_in(query, "workflowId")) is not None:
        wanted &= Q(workflow_id=workflow)
    if user := query.get("userId"):
        wanted &= Q(end_user=user)
    if status := query.get("status"):
        if status not in WorkflowRun.Status.values:
            msg = f"'status' is one of {', '.join(WorkflowRun.Status.values)}."
            raise InvalidRequest(msg, param="status")
        wanted &= Q(status=status)
    return wanted


def _list(project_id: int, wanted: Q, size: int, cursor: str) -> JSON:
    runs = (
        WorkflowRun.objects.filter(wanted, project_id=project_id)
        .select_related("version")
        .defer("input", "version__sealed")
    )
    page, following = page_of(runs, size, cursor)
    return {
        "success": True,
        "runs": [run_summary(run) for run in page],
        "nextCursor": following,
    }


def _one(run_id: UUID, project_id: int) -> JSON:
    return run_with_steps(run_of(run_id, project_id))


def _step(run_id: UUID, step: str, project_id: int) -> JSON:
    row = StepRun.objects.filter(
        run=run_of(run_id, project_id), step=step, item=MAIN
    ).first()
    if row is None:
        msg = "The run has no such step, or has not come to it."
        raise Refusal(msg, status=404, code="not_found")
    return {"success": True, **step_small(row), "output": shown_output(row)}


def _progress(run_id: UUID, project_id: int) -> tuple[int, JSON, list[JSON]]:
    """Return the revision, the run, and its steps without outputs."""
    run = run_of(run_id, project_id)
    rows = StepRun.objects.filter(run=run, item=MAIN).defer("input", "output")
    steps = [step_small(row) for row in rows.order_by("created_at", "id")]
    for step in steps:
        del step["output"]
    return run.revision, run_summary(run), steps
