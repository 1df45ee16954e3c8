"""Workflows: the editor of their definitions, and what is kept of them."""

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.forms import Script
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.html import format_html
from django.views.decorators.http import require_POST
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from gateway.strict_json import InvalidJSON, parse_object
from tenants.admin.base import OperatorAdmin
from tenants.admin.unfolded import display
from workflows.admin.comparing import compared
from workflows.admin.definition_form import (
    DefinitionForm,
    read_typed,
    readable,
    shown_version,
)
from workflows.admin.drawing import drawing_of
from workflows.admin.sealed_pages import SealedPages
from workflows.admin.workflow_lists import WorkflowColumns
from workflows.models import Workflow, WorkflowRun, WorkflowVersion
from workflows.runs.starting import NotStarted, start_run
from workflows.saving import activate, archive
from workflows.waking import wake

_RUNS_SHOWN = 10
_VERSIONS_SHOWN = 50
_MAX_TYPED = 2_000_000
_Status = WorkflowVersion.Status


@admin.register(Workflow)
class WorkflowAdmin(WorkflowColumns, SealedPages, OperatorAdmin):
    form = DefinitionForm
    list_display = [
        "name",
        "project",
        "shown_version",
        "shown_runs",
        "shown_success",
        "shown_cost",
        "shown_last",
    ]
    list_filter = [("project", AutocompleteSelectFilter)]
    list_select_related = ["project"]
    search_fields = ["name", "project__slug"]
    autocomplete_fields = ["project"]
    fields = ["project", "definition", "keep_as"]
    change_form_outer_after_template = "admin/signalbox/workflow.html"

    class Media:
        css = {"all": ["signalbox/workflows.css"]}
        js = [Script("signalbox/workflow-editor.js", defer=True)]

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view
        named = "workflows_workflow_{}".format
        return [
            path("check/", view(require_POST(self.check_view)), name=named("check")),
            path("<uuid:pk>/compare/", view(self.compare_view), name=named("compare")),
            path(
                "<uuid:pk>/versions/<int:number>/<str:verb>/",
                view(require_POST(self.version_view)),
                name=named("version"),
            ),
            path(
                "<uuid:pk>/run/", view(require_POST(self.run_view)), name=named("run")
            ),
            *super().get_urls(),
        ]

    @display(description="definition")
    def definition(self, workflow: Workflow) -> str:
        """Show it to those who may not change it."""
        version = shown_version(workflow)
        text = "" if version is None else readable(version.said())
        return format_html('<pre class="sb-json">{}</pre>', text)

    @display(description="status")
    def keep_as(self, workflow: Workflow) -> str:
        version = shown_version(workflow)
        return "-" if version is None else f"{version}: {version.status}"

    def save_model(
        self, request: HttpRequest, obj: Workflow, form: Any, change: Any
    ) -> None:
        version = form.keep()
        kept = version.workflow
        obj.pk, obj.name, obj.created_at = kept.pk, kept.name, kept.created_at
        obj._state.adding = False  # noqa: SLF001
        self.message_user(
            request,
            f"Version {version.number} is {version.status}.",
            messages.SUCCESS,
        )

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        workflow = None if object_id is None else self.get_object(request, object_id)
        context = {
            "check_url": reverse("admin:workflows_workflow_check"),
            "is_typed": request.method == "POST",
            **({} if workflow is None else self._around(request, workflow)),
            **(extra_context or {}),
        }
        return super().changeform_view(request, object_id, form_url, context)

    def check_view(self, request: HttpRequest) -> HttpResponse:
        """Draw what was typed, and say what is wrong with it; nothing is kept."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        said, mistakes = read_typed(request.POST.get("definition", "")[:_MAX_TYPED])
        context = {"mistakes": mistakes, "drawing": drawing_of(said)}
        template = "admin/signalbox/_definition_checked.html"
        return TemplateResponse(request, template, context)

    def compare_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        workflow = self._workflow(request, pk)
        before, after = (
            self._version(workflow, request.GET.get(name, ""))
            for name in ("from", "to")
        )
        if before.number > after.number:
            before, after = after, before
        context = {
            **self.admin_site.each_context(request),
            "title": f"{workflow.name}: versions {before.number} and {after.number}",
            "opts": self.opts,
            "media": self.media,
            "original": workflow,
            "before": before,
            "after": after,
            "found": compared(before.said(), after.said()),
            "drawings": [
                (version, drawing_of(version.said())) for version in (before, after)
            ],
        }
        template = "admin/signalbox/workflow_compare.html"
        return TemplateResponse(request, template, context)

    def version_view(
        self, request: HttpRequest, pk: UUID, number: int, verb: str
    ) -> HttpResponse:
        workflow = self._workflow(request, pk)
        if not self.has_change_permission(request, workflow):
            raise PermissionDenied
        version = self._version(workflow, str(number))
        match verb:
            case "activate":
                activate(version)
            case "archive":
                archive(version)
            case _:
                raise Http404
        self.message_user(
            request, f"Version {number} is {version.status}.", messages.SUCCESS
        )
        return self._back(workflow)

    def run_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        workflow = self._workflow(request, pk)
        if not self.has_change_permission(request, workflow):
            raise PermissionDenied
        version = workflow.versions.filter(status=_Status.ACTIVE).first()
        try:
            if version is None:
                raise NotStarted("The workflow has no active version; activate one.")
            typed = request.POST.get("input", "").strip() or "{}"
            run = start_run(
                version,
                parse_object(typed.encode("utf-8", "surrogatepass")),
                end_user=request.user.get_username(),
                trigger=WorkflowRun.Trigger.ADMIN,
            )
        except (InvalidJSON, NotStarted) as error:
            self.message_user(request, str(error), messages.ERROR)
            return self._back(workflow)
        wake([run.pk])
        return HttpResponseRedirect(
            reverse("admin:workflows_workflowrun_change", args=[run.pk])
        )

    def _around(self, request: HttpRequest, workflow: Workflow) -> dict[str, Any]:
        """Return what stands around the form of a workflow that is kept."""
        version = shown_version(workflow)
        active = workflow.versions.filter(status=_Status.ACTIVE).first()
        wanted = (
            {}
            if active is None
            else dict.fromkeys(sorted(active.flow().definition.inputs()), "")
        )
        return {
            "workflow": workflow,
            "drawing": None if version is None else drawing_of(version.said()),
            "versions": workflow.versions.defer("sealed")[:_VERSIONS_SHOWN],
            "active_version": active,
            "wanted_input": wanted,
            "runs": workflow.runs.defer("input")[:_RUNS_SHOWN],
            "schedules": workflow.schedules.all(),
            "webhooks": workflow.incoming_webhooks.all(),
            "may_change": self.has_change_permission(request, workflow),
        }

    def _workflow(self, request: HttpRequest, pk: UUID) -> Workflow:
        found: Workflow | None = self.get_object(request, str(pk))
        if found is None:
            raise Http404
        return found

    def _version(self, workflow: Workflow, number: str) -> WorkflowVersion:
        if not number.isdecimal() or len(number) > 9:
            raise Http404
        found = workflow.versions.filter(number=int(number)).first()
        if found is None:
            raise Http404
        return found  # type: ignore[no-any-return]

    def _back(self, workflow: Workflow) -> HttpResponse:
        address = reverse("admin:workflows_workflow_change", args=[workflow.pk])
        return HttpResponseRedirect(address)
