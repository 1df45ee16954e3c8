"""One version of a workflow, to be looked at."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from tenants.admin.base import ReadOnlyAdmin
from tenants.admin.unfolded import display
from workflows.admin.definition_form import readable
from workflows.admin.drawing import drawing_of
from workflows.admin.sealed_pages import SealedPages
from workflows.models import WorkflowVersion

COLOURS = {"active": "success", "draft": "info", "archived": ""}


@admin.register(WorkflowVersion)
class WorkflowVersionAdmin(SealedPages, ReadOnlyAdmin):
    """Versions of stored workflows; definitions that came with runs are not listed."""

    list_display = [
        "workflow",
        "number",
        "shown_status",
        "project",
        "step_count",
        "created_at",
    ]
    list_filter = ["status", ("workflow", AutocompleteSelectFilter)]
    list_select_related = ["workflow", "project"]
    search_fields = ["workflow__name"]
    sortable_by = ()
    readonly_fields = [
        "workflow",
        "number",
        "shown_status",
        "project",
        "created_at",
        "drawing",
        "definition",
    ]
    fields = [*readonly_fields]

    class Media:
        css = {"all": ["signalbox/workflows.css"]}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).exclude(workflow=None)

    @display(description="status", label=COLOURS)
    def shown_status(self, version: WorkflowVersion) -> str:
        return version.status

    @display(description="steps")
    def drawing(self, version: WorkflowVersion) -> str:
        return format_html(
            '<div class="sb-scroll">{}</div>', drawing_of(version.said())
        )

    @display(description="definition")
    def definition(self, version: WorkflowVersion) -> str:
        return format_html('<pre class="sb-json">{}</pre>', readable(version.said()))
