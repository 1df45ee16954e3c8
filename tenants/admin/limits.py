from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.formats import date_format
from django.utils.timezone import localtime

from tenants.admin.activation import ActivationAdmin
from tenants.admin.inlines import OperatorInline
from tenants.admin.unfolded import action, display
from tenants.models import Limit, ShadowCount


class LimitInline(OperatorInline):
    """The limits of a project, but for those of single end users: they may be many."""

    model = Limit
    hide_title = True
    fields = [
        "metric",
        "amount",
        "per",
        "api_key",
        "each_end_user",
        "alias",
        "shadow",
        "active",
    ]
    autocomplete_fields = ["api_key"]
    verbose_name_plural = "limits"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Limit]:
        return super().get_queryset(request).filter(end_user=None)


@admin.register(Limit)
class LimitAdmin(ActivationAdmin):
    list_display = [
        "project",
        "scope",
        "metric",
        "amount",
        "per",
        "shown_mode",
        "would_have_refused",
        "active",
    ]
    list_display_links = ["project", "metric"]
    list_filter = ["metric", "per", "shadow", "active"]
    list_select_related = ["project", "api_key", "end_user", "shadow_count"]
    search_fields = ["project__slug", "alias"]
    search_help_text = "The project's slug, or the alias"
    autocomplete_fields = ["project", "api_key", "end_user"]
    actions = [*ActivationAdmin.actions, "enforce_selected", "shadow_selected"]
    sortable_by = ("amount",)
    ordering = ["-id"]
    fieldsets = [
        (None, {"fields": ["project", "metric", "amount", "per", "shadow", "active"]}),
        (
            "For",
            {
                "fields": ["api_key", "end_user", "each_end_user", "alias"],
                "description": (
                    "All that is given must hold for a request to count; nothing: every "
                    "request of the project."
                ),
            },
        ),
    ]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        if obj is None:
            return fieldsets
        return [*fieldsets, ("In shadow mode", {"fields": ["would_have_refused"]})]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fields = super().get_readonly_fields(request, obj)
        return fields if obj is None else [*fields, "would_have_refused"]

    @display(description="only for")
    def scope(self, limit: Limit) -> str:
        parts = [
            f"key {limit.api_key}" if limit.api_key else "",
            f"user {limit.end_user.external_id}" if limit.end_user else "",
            "each end user" if limit.each_end_user else "",
            f"alias {limit.alias}" if limit.alias else "",
        ]
        return ", ".join(filter(None, parts)) or "everything"

    @display(description="mode", label={"shadow": "warning", "enforced": "success"})
    def shown_mode(self, limit: Limit) -> str:
        return "shadow" if limit.shadow else "enforced"

    @display(description="would have refused")
    def would_have_refused(self, limit: Limit) -> str:
        """Tell it of a limit that is, or was, in shadow mode."""
        count: ShadowCount | None = getattr(limit, "shadow_count", None)
        if count is None:
            return "nothing so far" if limit.shadow else "-"
        last = date_format(localtime(count.last_at), "DATETIME_FORMAT")
        return f"{count.refusals:,} (last {last})"

    @action(description="Enforce selected", permissions=["change"])
    def enforce_selected(self, request: HttpRequest, queryset: QuerySet[Limit]) -> None:
        count = queryset.filter(shadow=True).order_by().update(shadow=False)
        self.message_user(request, f"{count} enforced from now on.")

    @action(description="Only count, in shadow mode", permissions=["change"])
    def shadow_selected(self, request: HttpRequest, queryset: QuerySet[Limit]) -> None:
        count = queryset.filter(shadow=False).order_by().update(shadow=True)
        self.message_user(request, f"{count} only count from now on.")
