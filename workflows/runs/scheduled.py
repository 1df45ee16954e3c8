"""Runs by the clock: one for each moment that a schedule is due, whoever looks."""

import logging
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from workflows.models import WorkflowRun, WorkflowSchedule, WorkflowVersion
from workflows.runs.answers import moment
from workflows.runs.keys import once
from workflows.runs.starting import NotStarted, start_run

logger = logging.getLogger(__name__)

# What a run that was scheduled knows besides its schedule's input.
DUE = "scheduledFor"
_MAX_PROBLEM = 300


def begin_due(at_most: int) -> list[UUID]:
    """Make the runs that are due, and return them to be woken.

    However many look at the same time, each moment is one schedule's once. Moments that
    nobody looked at are made up for by one run, for the last of them.
    """
    begun = (_try_to_begin(schedule_id) for schedule_id in _due(at_most))
    return [run_id for run_id in begun if run_id is not None]


def _due(at_most: int) -> list[UUID]:
    # The clock of a project may have been set to another zone since.
    changed = ~Q(time_zone=F("project__time_zone"))
    found = WorkflowSchedule.objects.filter(
        changed | Q(next_at__lte=timezone.now()), active=True
    )
    return list(found.order_by("next_at").values_list("pk", flat=True)[:at_most])


def _try_to_begin(schedule_id: UUID) -> UUID | None:
    try:
        return _begin(schedule_id)
    except Exception as error:
        # One that nobody can begin must not hold up those of other projects.
        logger.exception("schedule failed", extra={"schedule": str(schedule_id)})
        _pass_over(schedule_id, type(error).__name__)
        return None


def _pass_over(schedule_id: UUID, why: str) -> None:
    """Leave out the moment that is due; the next one is tried again."""
    with transaction.atomic():
        schedule = (
            WorkflowSchedule.objects.select_for_update(of=("self",))
            .select_related("project")
            .get(pk=schedule_id)
        )
        schedule.problem = f"The run could not be made ({why}); the log says why."
        schedule.plan(timezone.now())
        schedule.save(update_fields=["next_at", "problem", "time_zone"])


def _begin(schedule_id: UUID) -> UUID | None:
    with transaction.atomic():
        schedule = (
            WorkflowSchedule.objects.select_for_update(of=("self",), skip_locked=True)
            .select_related("project")
            .filter(pk=schedule_id, active=True)
            .first()
        )
        if schedule is None:
            return None
        now = timezone.now()
        run: WorkflowRun | None = None
        due = schedule.next_at
        is_planned = schedule.time_zone == schedule.project.time_zone
        if is_planned and due is not None and due <= now:
            schedule.last_at = _last_due(schedule, due, now)
            run = _run(schedule)
        schedule.plan(now)
        schedule.save(update_fields=["next_at", "last_at", "problem", "time_zone"])
    return None if run is None else run.pk


def _last_due(schedule: WorkflowSchedule, due: datetime, now: datetime) -> datetime:
    """Return the last moment it was due, of several that were missed."""
    while (later := schedule.due_after(due)) is not None and later <= now:
        due = later
    return due


def _run(schedule: WorkflowSchedule) -> WorkflowRun | None:
    """Make the run, or note why there is none."""
    due = moment(schedule.last_at)

    def make() -> WorkflowRun:
        version = WorkflowVersion.objects.filter(
            workflow_id=schedule.workflow_id, status=WorkflowVersion.Status.ACTIVE
        ).first()
        if version is None:
            raise NotStarted("The workflow has no active version.")
        return start_run(
            version,
            {DUE: due, **schedule.read_input()},
            trigger=WorkflowRun.Trigger.SCHEDULE,
        )

    if not schedule.project.active:
        schedule.problem = "The project is switched off."
        return None
    try:
        run = once("schedule", f"{schedule.pk} {due}", schedule.project_id, [due], make)
    except NotStarted as error:
        schedule.problem = str(error)[:_MAX_PROBLEM]
        return None
    schedule.problem = ""
    return run
