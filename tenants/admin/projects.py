"""Projects. What their pages show of the catalog is added in catalog/admin."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from tenants.admin.activation import ActivationAdmin
from tenants.admin.api_key_lists import ApiKeyInline
from tenants.admin.budgets import BudgetInline
from tenants.admin.limits import LimitInline
from tenants.admin.unfolded import action


class ProjectAdmin(ActivationAdmin):
    list_display = [
        "slug",
        "name",
        "organization",
        "default_alias",
        "active",
        "created_at",
    ]
    list_display_links = ["slug", "name"]
    list_filter = ["active", ("organization", AutocompleteSelectFilter), "capture"]
    list_select_related = ["organization"]
    search_fields = ["slug", "name"]
    sortable_by = ["slug"]
    autocomplete_fields = ["organization"]
    prepopulated_fields = {"slug": ["name"]}
    inlines = [LimitInline, BudgetInline, ApiKeyInline]
    actions_row = ["usage_page"]
    actions_detail = ["usage_page"]
    fieldsets = [
        (None, {"fields": ["name", "slug", "organization", "active", "time_zone"]}),
        (
            "Routing",
            {"fields": ["default_alias", "strategy", "task_routes", "allowed_regions"]},
        ),
        (
            "Rules",
            {
                "fields": [
                    "auto_approve_threshold_usd",
                    "cache",
                    "allow_unpriced",
                    "strict_params",
                    "fallback_on_content_policy",
                    "capture",
                    "capture_retention_days",
                    "capture_redactions",
                ]
            },
        ),
    ]

    def get_prepopulated_fields(
        self, request: HttpRequest, obj: Any = None
    ) -> dict[str, Any]:
        # The slug is the name that scripts use: it follows a new name only at first.
        return {} if obj is not None else {"slug": ["name"]}

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        return self.inlines if obj is not None else []

    @action(description="Usage and standing", url_path="usage-page", icon="monitoring")
    def usage_page(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Lead to the project's figures."""
        project = self.get_object(request, object_id)
        if project is None:
            raise Http404
        return redirect("project", project.slug)
