"""What people think of answers."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from tenants.admin.base import ReadOnlyAdmin
from tenants.admin.unfolded import display
from tenants.encryption import Unsealable
from tenants.models import Role
from tenants.roles import reach_for
from usage.admin.filters import AliasFilter, ModelFilter, ProviderFilter
from usage.feedback import comment_of
from usage.models import Feedback

_SHOWN = "_shown_comment"


@admin.register(Feedback)
class FeedbackAdmin(ReadOnlyAdmin):
    list_display = [
        "updated_at",
        "project",
        "score_bar",
        "alias",
        "model_name",
        "end_user",
        "has_comment",
        "request_id",
    ]
    list_filter = [
        ("project", AutocompleteSelectFilter),
        AliasFilter,
        ModelFilter,
        ProviderFilter,
    ]
    list_select_related = ["project"]
    search_fields = ["=request_id", "=end_user"]
    sortable_by = ()
    readonly_fields = [
        "project",
        "request_link",
        "score",
        "comment",
        "end_user",
        "alias",
        "model_name",
        "feature",
        "operation",
        "occurred_at",
        "created_at",
        "updated_at",
        "expires_at",
    ]
    fields = [*readonly_fields]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("project")

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Any:
        found = super().get_object(request, object_id, from_field)
        if found is not None:
            setattr(found, _SHOWN, _comment_for(request, found))
        return found

    @display(description="score")
    def score_bar(self, row: Any) -> str:
        return f"{row.score:.2f}"

    @display(description="model")
    def model_name(self, row: Any) -> str:
        return f"{row.provider}/{row.model}"

    @display(description="comment", boolean=True)
    def has_comment(self, row: Any) -> bool:
        return row.sealed is not None

    @display(description="request")
    def request_link(self, row: Any) -> str:
        return format_html(
            '<a href="{}">{}</a>', f"/admin/requests/{row.request_id}/", row.request_id
        )

    @display(description="comment")
    def comment(self, row: Any) -> str:
        return format_html('<pre class="sb-text">{}</pre>', getattr(row, _SHOWN, ""))


def _comment_for(request: HttpRequest, row: Feedback) -> str:
    """Return the comment, for who may read captured texts; it is a text like those."""
    if row.sealed is None:
        return "None was kept."
    owned = reach_for(request).organization_ids(Role.OWNER)
    if owned is not None and row.project.organization_id not in owned:
        return "Only owners of the organization read it."
    try:
        return comment_of(row)
    except Unsealable:
        return "It does not open with the project's data key."
