"""How many runs there were, and how they ended: for the figures of usage."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Count, Max, Q, Sum

from usage.analytics.workflow_runs import RunFigures
from workflows.models import ACTIVE, Workflow, WorkflowRun

_BEHIND_THE_TIME = 80
_STATUS = WorkflowRun.Status
_FIGURES: dict[str, Any] = {
    "total": Count("pk"),
    "completed": Count("pk", filter=Q(status=_STATUS.COMPLETED)),
    "failed": Count("pk", filter=Q(status=_STATUS.FAILED)),
    "active": Count("pk", filter=Q(status__in=ACTIVE)),
    "cost_usd": Sum("total_cost_usd", default=Decimal(0)),
}


def run_figures(
    begin: datetime, end: datetime, where: Mapping[str, Sequence[str | int]]
) -> RunFigures:
    """Return the figures of runs that began in that time, cancelled ones in the total."""
    # Ids begin with the time, and there are indexes on them.
    runs = WorkflowRun.objects.filter(id__gte=_first_id(begin), id__lt=_first_id(end))
    if "project_id" in where:
        runs = runs.filter(project_id__in=where["project_id"])
    if "organization_id" in where:
        runs = runs.filter(project__organization_id__in=where["organization_id"])
    return RunFigures(**runs.order_by().aggregate(**_FIGURES))


@dataclass(frozen=True, slots=True)
class WorkflowFigures:
    """Runs of one workflow that began since a moment, and when the last one did."""

    figures: RunFigures
    last_at: datetime | None


def figures_by_workflow(
    workflows: Iterable[Workflow], since: datetime
) -> dict[UUID, WorkflowFigures]:
    """Return the figures of each of these that had a run since then."""
    rows = list(workflows)
    # With the project, for the index begins with it.
    found = (
        WorkflowRun.objects.filter(
            project_id__in={row.project_id for row in rows},
            workflow_id__in=[row.pk for row in rows],
            id__gte=_first_id(since),
        )
        .order_by()
        .values("workflow_id")
        .annotate(last_at=Max("created_at"), **_FIGURES)
    )
    return {
        row.pop("workflow_id"): WorkflowFigures(
            last_at=row.pop("last_at"), figures=RunFigures(**row)
        )
        for row in found
    }


def _first_id(moment: datetime) -> UUID:
    return UUID(int=int(moment.timestamp() * 1000) << _BEHIND_THE_TIME)
