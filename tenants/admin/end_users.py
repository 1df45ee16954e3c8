"""End users. What their pages show of the catalog is added in catalog/admin."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest

from tenants.access import access_to
from tenants.admin.activation import ActivationAdmin
from tenants.admin.inlines import DistinctFormSet, OperatorInline
from tenants.admin.unfolded import action
from tenants.context.erasing import erase
from tenants.models import Budget, ContextEntry, EndUser, Erasure, Limit, Role
from tenants.roles import reach_for


class OfEndUser(DistinctFormSet):
    """Rows of one end user belong to the user's project."""

    def _construct_form(self, i: int, **kwargs: Any) -> Any:
        form = super()._construct_form(i, **kwargs)  # type: ignore[misc]
        form.instance.project_id = self.instance.project_id
        return form


class EndUserLimitInline(OperatorInline):
    model = Limit
    fk_name = "end_user"
    formset = OfEndUser
    hide_title = True
    fields = ["metric", "amount", "per", "alias", "shadow", "active"]
    verbose_name_plural = "limits for this user alone"


class EndUserBudgetInline(OperatorInline):
    model = Budget
    fk_name = "end_user"
    formset = OfEndUser
    hide_title = True
    fields = ["amount_usd", "per", "mode", "alias", "warn_at", "active"]
    verbose_name_plural = "budgets for this user alone"


class EndUserAdmin(ActivationAdmin):
    list_display = [
        "external_id",
        "name",
        "project",
        "default_model",
        "preferred_provider",
        "active",
        "created_at",
    ]
    list_display_links = ["external_id", "name"]
    list_filter = ["project", "active"]
    list_select_related = ["project"]
    search_fields = ["external_id__startswith", "project__slug__startswith"]
    search_help_text = "First characters of the user id, or of the project's slug"
    autocomplete_fields = ["project"]
    sortable_by = ()
    ordering = ["-id"]
    inlines = [EndUserLimitInline, EndUserBudgetInline]
    actions = [*ActivationAdmin.actions, "erase_context"]
    fieldsets = [
        (
            None,
            {
                "fields": ["project", "external_id", "name", "active"],
                "description": (
                    "A project manages its users by the API as well; whom it has not "
                    "told of is served as the project says."
                ),
            },
        ),
        ("Routing", {"fields": ["default_model", "preferred_provider"]}),
    ]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fields = super().get_readonly_fields(request, obj)
        # What is theirs is sealed and counted under these.
        return fields if obj is None else [*fields, "project", "external_id"]

    def has_erase_permission(
        self, request: HttpRequest, object_id: str | None = None
    ) -> bool:
        access = access_to(ContextEntry)
        return access is not None and reach_for(request).may_anywhere(access.change)

    @action(description="Erase what is kept of selected users", permissions=["erase"])
    def erase_context(self, request: HttpRequest, queryset: QuerySet[EndUser]) -> None:
        """Erase those of organizations in which this may be done; the others stay."""
        ids = reach_for(request).organization_ids(Role.OWNER)
        users = queryset.select_related("project")
        if ids is not None:
            users = users.filter(project__organization_id__in=ids)
        receipts = [erase(user, Erasure.Via.ADMIN) for user in users]
        entries = sum(receipt.counts["entries"] for receipt in receipts)
        self.message_user(
            request,
            f"{len(receipts)} users and {entries} entries erased; the receipts stand "
            "under Erasures.",
        )

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        return self.inlines if obj is not None else []
