"""Workflows in lists: which version is active, and how they do."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db.models import Exists, OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.utils import timezone

from tenants.admin.base import OperatorList
from tenants.admin.unfolded import ModelAdmin, display
from workflows.models import WorkflowVersion
from workflows.run_figures import figures_by_workflow

if TYPE_CHECKING:
    _Page = ModelAdmin[Any]
else:
    _Page = object

_FIGURES_OF = timedelta(days=7)
_Status = WorkflowVersion.Status


class WorkflowList(OperatorList):
    """A page with the figures of its rows, asked for all at once."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        rows: Any = list(self.result_list)
        figures = figures_by_workflow(rows, timezone.now() - _FIGURES_OF)
        for row in rows:
            row.week = figures.get(row.pk)
        self.result_list = rows


class WorkflowColumns(_Page):
    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> Any:
        return WorkflowList

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        active = WorkflowVersion.objects.filter(
            workflow=OuterRef("pk"), status=_Status.ACTIVE
        )
        drafts = WorkflowVersion.objects.filter(
            workflow=OuterRef("pk"), status=_Status.DRAFT
        )
        rows: QuerySet[Any] = (
            super()
            .get_queryset(request)
            .annotate(
                active_number=Subquery(active.values("number")[:1]),
                has_draft=Exists(drafts),
            )
        )
        return rows

    @display(description="active version")
    def shown_version(self, workflow: Any) -> str:
        if workflow.active_number is not None:
            return str(workflow.active_number)
        return "none, a draft" if workflow.has_draft else "none"

    @display(description="runs, 7 days")
    def shown_runs(self, workflow: Any) -> str:
        if workflow.week is None:
            return "0"
        figures = workflow.week.figures
        going = f", {figures.active} going on" if figures.active else ""
        return f"{figures.total}{going}"

    @display(description="successful")
    def shown_success(self, workflow: Any) -> str:
        rate = None if workflow.week is None else workflow.week.figures.success_rate
        return "-" if rate is None else f"{rate:.1%}"

    @display(description="cost, 7 days")
    def shown_cost(self, workflow: Any) -> str:
        return "-" if workflow.week is None else _usd(workflow.week.figures.cost_usd)

    @display(description="last run (UTC)")
    def shown_last(self, workflow: Any) -> str:
        last = None if workflow.week is None else workflow.week.last_at
        return "-" if last is None else f"{last:%Y-%m-%d %H:%M}"


def _usd(amount: Any) -> str:
    return f"${amount:.4f}"
