"""Scheduled reports, and what became of each."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Concat
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from tenants.admin.activation import ActivationAdmin
from tenants.admin.base import ReadOnlyAdmin
from tenants.admin.form_fields import NamesField
from tenants.admin.inlines import ReadOnlyInline
from tenants.admin.unfolded import action, display
from usage.models import NotificationChannel, ReportDefinition, ReportRun, Section
from usage.reports.periods import period_with
from usage.reports.rendering import render, with_pictures
from usage.reports.sending import file_name

_COLOURS = {
    "waiting": "info",
    "claimed": "info",
    "rendered": "warning",
    "sent": "success",
    "failed": "danger",
}
# A report runs no scripts and loads nothing from anywhere.
_POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)


class RunInline(ReadOnlyInline):
    model = ReportRun
    verbose_name_plural = "reports"
    readonly_fields = ["page", "shown_state", "attempts", "sent_at", "error"]
    fields = [*readonly_fields]
    show_change_link = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        runs = super().get_queryset(request).defer("html", "charts", "csv")
        return runs.select_related("definition").order_by("-ends_at")

    @display(description="state", label=_COLOURS)
    def shown_state(self, run: ReportRun) -> str:
        return run.state


@admin.register(ReportDefinition)
class ReportDefinitionAdmin(ActivationAdmin):
    list_display = [
        "name",
        "organization",
        "project",
        "period",
        "delivery",
        "last_run",
        "active",
    ]
    list_filter = [
        "period",
        "delivery",
        ("organization", AutocompleteSelectFilter),
        "active",
    ]
    list_select_related = ["organization", "project"]
    search_fields = ["name", "organization__slug", "project__slug"]
    autocomplete_fields = ["organization", "project"]
    actions_detail = ["preview"]
    inlines = [RunInline]
    fieldsets = [
        (
            None,
            {"fields": ["name", "organization", "project", "sections", "active"]},
        ),
        ("When", {"fields": ["period", "time_zone", "hour"]}),
        ("Where to", {"fields": ["delivery", "recipients", "webhook"]}),
    ]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Let nobody move a definition, whose reports would lead to another's figures."""
        return ["organization", "project"] if obj is not None else []

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        return super().get_inlines(request, obj) if obj is not None else []

    def formfield_for_dbfield(
        self, db_field: Any, request: HttpRequest, **kwargs: Any
    ) -> forms.Field | None:
        if db_field.name == "sections":
            return NamesField(choices=Section.choices, required=True)
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def formfield_for_foreignkey(
        self, db_field: Any, request: HttpRequest, **kwargs: Any
    ) -> Any:
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        if db_field.name == "webhook" and field is not None:
            webhooks = NotificationChannel.Kind.WEBHOOK
            field.queryset = field.queryset.filter(kind=webhooks)
        return field

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        runs = ReportRun.objects.filter(definition=OuterRef("pk"))
        last = runs.annotate(told=Concat("period", Value(": "), "state")).values("told")
        rows: QuerySet[Any] = (
            super().get_queryset(request).annotate(last_told=Subquery(last[:1]))
        )
        return rows

    @display(description="last report")
    def last_run(self, definition: Any) -> str:
        return str(definition.last_told or "none yet")

    @action(
        description="Preview",
        url_path="preview",
        permissions=["view"],
        icon="visibility",
    )
    def preview(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show what the report says of the period that ended last, and send nothing."""
        definition = self.get_object(request, object_id)
        if definition is None:
            raise Http404
        zone, now = definition.zone, timezone.now()
        today = now.astimezone(zone).date()
        period = period_with(today, definition.period, zone).before(zone)
        found = render(definition, period, now)
        return as_page(with_pictures(found.html, found.charts))


@admin.register(ReportRun)
class ReportRunAdmin(ReadOnlyAdmin):
    list_display = [
        "period",
        "definition",
        "organization",
        "project",
        "shown_state",
        "links",
        "sent_at",
    ]
    list_display_links = ["period"]
    list_filter = ["state", ("organization", AutocompleteSelectFilter)]
    list_select_related = ["definition", "organization", "project"]
    search_fields = ["definition__name", "period"]
    sortable_by = ()
    actions = ["try_again"]
    actions_detail = ["view", "csv"]
    readonly_fields = [
        "definition",
        "organization",
        "project",
        "period",
        "begins_at",
        "ends_at",
        "shown_state",
        "attempts",
        "next_attempt_at",
        "error",
        "rendered_at",
        "sent_at",
        "links",
    ]
    fields = [*readonly_fields]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("html", "charts", "csv")

    @display(description="state", label=_COLOURS)
    def shown_state(self, run: ReportRun) -> str:
        return run.state

    @display(description="report")
    def links(self, run: ReportRun) -> str:
        if run.rendered_at is None:
            return "not drawn up yet"
        name = f"{self.admin_site.name}:usage_reportrun"
        return format_html(
            '<a class="sb-link" href="{}">Open</a> · <a class="sb-link" href="{}">CSV</a>',
            reverse(f"{name}_view", args=[run.pk]),
            reverse(f"{name}_csv", args=[run.pk]),
        )

    @action(
        description="Open",
        url_path="view",
        permissions=["view"],
        icon="description",
    )
    def view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        run = self._rendered(request, object_id)
        answer = as_page(with_pictures(run.html, run.charts))
        name = file_name(run, "html")
        answer["Content-Disposition"] = f'inline; filename="{name}"'
        return answer

    @action(description="CSV", url_path="csv", permissions=["view"], icon="download")
    def csv(self, request: HttpRequest, object_id: str) -> HttpResponse:
        run = self._rendered(request, object_id)
        name = file_name(run, "csv")
        return HttpResponse(
            run.csv,
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )

    def _rendered(self, request: HttpRequest, object_id: str) -> ReportRun:
        run: ReportRun | None = self.get_object(request, object_id)
        if run is None or run.rendered_at is None:
            raise Http404
        return run

    def has_resend_permission(
        self, request: HttpRequest, object_id: str | None = None
    ) -> bool:
        return super(ReadOnlyAdmin, self).has_change_permission(request)

    @action(description="Try failed ones again", permissions=["resend"])
    def try_again(self, request: HttpRequest, queryset: QuerySet[ReportRun]) -> None:
        failed = queryset.order_by().filter(state=ReportRun.State.FAILED)
        now = timezone.now()
        again = failed.filter(rendered_at=None).update(
            state=ReportRun.State.WAITING, attempts=0, next_attempt_at=now
        )
        again += failed.filter(rendered_at__isnull=False).update(
            state=ReportRun.State.RENDERED, attempts=0, next_attempt_at=now
        )
        self.message_user(request, f"{again} will be tried again.", messages.SUCCESS)


def as_page(html: str) -> HttpResponse:
    return HttpResponse(
        html,
        headers={"Content-Security-Policy": _POLICY, "Cache-Control": "no-store"},
    )
