"""Budgets. What their pages show of what is spent is added in usage/admin."""

from typing import Any

from django.http import HttpRequest

from tenants.admin.activation import ActivationAdmin
from tenants.admin.inlines import OperatorInline
from tenants.admin.unfolded import display
from tenants.models import Budget


class BudgetInline(OperatorInline):
    model = Budget
    hide_title = True
    fields = ["amount_usd", "per", "mode", "api_key", "alias", "active"]
    autocomplete_fields = ["api_key"]
    verbose_name_plural = "budgets"


class BudgetAdmin(ActivationAdmin):
    list_display = ["whose", "scope", "amount_usd", "per", "mode", "active"]
    list_display_links = ["whose"]
    list_filter = ["per", "mode", "active"]
    list_select_related = ["project", "organization", "api_key", "end_user"]
    search_fields = ["project__slug", "organization__slug", "alias"]
    autocomplete_fields = ["organization", "project", "api_key", "end_user"]
    sortable_by = ("amount_usd",)
    ordering = ["-id"]
    fieldsets = [
        (
            None,
            {
                "fields": ["amount_usd", "per", "mode", "warn_at", "active"],
                "description": (
                    "Days, weeks and months begin at midnight in the time zone of the "
                    "project, or of the organization. What was spent in the present one "
                    "before the budget was made counts, too."
                ),
            },
        ),
        (
            "For",
            {
                "fields": [
                    "organization",
                    "project",
                    "api_key",
                    "end_user",
                    "each_end_user",
                    "alias",
                ],
                "description": (
                    "An organization as a whole, or a project; within a project all "
                    "that is given must hold for a request to count."
                ),
            },
        ),
    ]

    @display(description="project or organization")
    def whose(self, budget: Budget) -> str:
        if budget.project is not None:
            return str(budget.project)
        return f"{budget.organization} (organization)"

    @display(description="only for")
    def scope(self, budget: Budget) -> str:
        parts = [
            f"key {budget.api_key}" if budget.api_key else "",
            f"user {budget.end_user.external_id}" if budget.end_user else "",
            "each end user" if budget.each_end_user else "",
            f"alias {budget.alias}" if budget.alias else "",
        ]
        return ", ".join(filter(None, parts)) or "everything"

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fields = super().get_readonly_fields(request, obj)
        # Its windows belong to whom it was made for.
        owners = ["organization", "project"] if obj is not None else []
        return [*fields, *owners]
