"""Runs: how they go, and what an operator does about them."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.forms import Script
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.views.decorators.http import require_POST
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from tenants import approvals
from tenants.access import changes
from tenants.admin.base import ReadOnlyAdmin
from tenants.admin.unfolded import display
from tenants.models import Approval
from tenants.roles import reach_for
from workflows.admin.run_progress import COLOURS, may_read, progress_of, read_contents
from workflows.admin.sealed_pages import SealedPages
from workflows.models import StepRun, WorkflowRun
from workflows.runs.cancelling import cancel_run
from workflows.runs.deciding import Decision, NotDecided, decide
from workflows.runs.retrying import retry_run
from workflows.runs.starting import NotStarted
from workflows.waking import wake

_MAX_REASON = 500


@admin.register(WorkflowRun)
class WorkflowRunAdmin(SealedPages, ReadOnlyAdmin):
    """Runs are looked at, decided about, cancelled and retried; nothing is edited."""

    list_display = [
        "name",
        "shown_status",
        "project",
        "trigger",
        "end_user",
        "shown_cost",
        "created_at",
        "shown_time",
        "error_code",
    ]
    list_filter = [
        "status",
        "trigger",
        ("project", AutocompleteSelectFilter),
        ("workflow", AutocompleteSelectFilter),
    ]
    list_select_related = ["project"]
    search_fields = ["=id", "name", "=end_user"]
    sortable_by = ()
    readonly_fields = [
        "project",
        "workflow",
        "version",
        "trigger",
        "api_key",
        "end_user",
        "retry_of",
        "parent_step",
        "max_cost_usd",
        "created_at",
        "deadline",
    ]
    fields = [*readonly_fields]
    change_form_outer_before_template = "admin/signalbox/workflow_run.html"

    class Media:
        css = {"all": ["signalbox/workflows.css"]}
        js = [Script("signalbox/run-page.js", defer=True)]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("input")

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view
        named = "workflows_workflowrun_{}".format
        posted = {
            "cancel": self.cancel_view,
            "decide": self.decide_view,
            "retry": self.retry_view,
        }
        return [
            path(
                "<uuid:pk>/progress/",
                view(self.progress_view),
                name=named("progress"),
            ),
            *(
                path(f"<uuid:pk>/{name}/", view(require_POST(each)), name=named(name))
                for name, each in posted.items()
            ),
            *super().get_urls(),
        ]

    @display(description="status", label=COLOURS)
    def shown_status(self, run: WorkflowRun) -> tuple[str, str]:
        return run.status, run.get_status_display()

    @display(description="cost")
    def shown_cost(self, run: WorkflowRun) -> str:
        return f"${run.total_cost_usd:.4f}"

    @display(description="time")
    def shown_time(self, run: WorkflowRun) -> str:
        if run.ended_at is None:
            return "-"
        return f"{(run.ended_at - run.created_at).total_seconds():.1f} s"

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        run = self.get_object(request, object_id)
        context: dict[str, Any] = {}
        if run is not None and self.has_view_permission(request, run):
            unread = may_read(request, run)
            context = {**progress_of(request, run), "unread": unread}
            if "contents" in request.GET and not unread:
                context["contents"] = read_contents(request, run)
        response = super().change_view(
            request, object_id, form_url, {**context, **(extra_context or {})}
        )
        response["Cache-Control"] = "private, no-store"
        return response

    def progress_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        run = self._run(request, pk)
        template = "admin/signalbox/_run_progress.html"
        return TemplateResponse(request, template, progress_of(request, run))

    def cancel_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        run = self._run_to_change(request, pk)
        if changed := cancel_run(run.pk):
            wake(changed)
            self.message_user(request, "The run is cancelled.", messages.SUCCESS)
        else:
            self.message_user(request, "The run had ended.", messages.WARNING)
        return self._back(run)

    def decide_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        run = self._run_to_change(request, pk)
        said = request.POST
        verb = said.get("verb")
        if verb not in {"approve", "reject"}:
            raise Http404
        approves = verb == "approve"
        try:
            if said.get("step"):
                decision = Decision(
                    approves=approves,
                    by=request.user.get_username(),
                    step=said["step"],
                    digest=said.get("digest", ""),
                    reason=said.get("reason", "")[:_MAX_REASON],
                )
                decide(run.pk, run.project_id, decision)
            else:
                self._consent(request, run, approves=approves)
        except (NotDecided, approvals.AlreadyDecided) as error:
            self.message_user(request, str(error), messages.WARNING)
        else:
            what = "approved" if approves else "rejected"
            self.message_user(request, f"It is {what}.", messages.SUCCESS)
            wake([run.pk])
        return self._back(run)

    def _consent(
        self, request: HttpRequest, run: WorkflowRun, *, approves: bool
    ) -> None:
        """Decide about a request that is dear, of a step of this run."""
        try:
            wanted = UUID(request.POST.get("digest", ""))
        except ValueError as error:
            raise Http404 from error
        row = StepRun.objects.filter(run=run, approval_id=wanted).first()
        approval = None if row is None else row.approval
        if approval is None or not changes(reach_for(request), approval):
            raise Http404
        self._decided(approval, request, approves=approves)

    def _decided(
        self, approval: Approval, request: HttpRequest, *, approves: bool
    ) -> None:
        approvals.decide(
            approval.pk,
            approved=approves,
            by=request.user,  # type: ignore[arg-type]
            comment=request.POST.get("reason", ""),
            lasts=timedelta(hours=settings.APPROVAL_HOURS),
        )

    def retry_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        run = self._run_to_change(request, pk)
        try:
            with transaction.atomic():
                again = retry_run(
                    run,
                    request.POST.get("step", ""),
                    trigger=WorkflowRun.Trigger.ADMIN,
                )
        except NotStarted as error:
            self.message_user(request, str(error), messages.ERROR)
            return self._back(run)
        wake([again.pk])
        self.message_user(
            request,
            "This is a new run, which has taken over what was finished.",
            messages.SUCCESS,
        )
        return self._back(again)

    def _run(self, request: HttpRequest, pk: UUID) -> WorkflowRun:
        run: WorkflowRun | None = self.get_object(request, str(pk))
        if run is None:
            raise Http404
        return run

    def _run_to_change(self, request: HttpRequest, pk: UUID) -> WorkflowRun:
        run = self._run(request, pk)
        if not changes(reach_for(request), run):
            raise PermissionDenied
        return run

    def _back(self, run: WorkflowRun) -> HttpResponse:
        address = reverse("admin:workflows_workflowrun_change", args=[run.pk])
        return HttpResponseRedirect(address)
