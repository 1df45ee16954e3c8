"""Texts that projects want kept: whoever opens one is written down."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from tenants.admin.base import ReadOnlyAdmin
from tenants.admin.unfolded import action, display
from tenants.encryption import Unsealable
from usage import captures
from usage.models import CapturedText, CaptureView


@admin.register(CapturedText)
class CapturedTextAdmin(ReadOnlyAdmin):
    list_display = [
        "request_id",
        "project",
        "end_user",
        "path",
        "status",
        "size",
        "occurred_at",
        "expires_at",
    ]
    list_filter = [("project", AutocompleteSelectFilter)]
    list_select_related = ["project"]
    search_fields = ["request_id", "=end_user"]
    sortable_by = ()
    actions = ["delete_chosen"]
    readonly_fields = [
        "request_id",
        "project",
        "end_user",
        "path",
        "status",
        "occurred_at",
        "expires_at",
        "request_text",
        "answer_text",
    ]
    fields = [*readonly_fields]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("sealed")

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        response = super().change_view(request, object_id, form_url, extra_context)
        response["Cache-Control"] = "private, no-store"
        return response

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Any:
        found = super().get_object(request, object_id, from_field)
        if (
            found is not None
            and request.user.is_authenticated
            and self.has_view_permission(request, found)
        ):
            try:
                found.texts = captures.read(found, request.user)
            except Unsealable:
                found.texts = ("It does not open with the project's data key.",) * 2
        return found

    @display(description="request")
    def request_text(self, captured: Any) -> str:
        return format_html('<pre class="sb-text">{}</pre>', captured.texts[0])

    @display(description="answer")
    def answer_text(self, captured: Any) -> str:
        return format_html('<pre class="sb-text">{}</pre>', captured.texts[1])

    def has_erase_permission(
        self, request: HttpRequest, object_id: str | None = None
    ) -> bool:
        return super(ReadOnlyAdmin, self).has_change_permission(request)

    @action(description="Delete selected texts", permissions=["erase"])
    def delete_chosen(
        self, request: HttpRequest, queryset: QuerySet[CapturedText]
    ) -> None:
        count, _ = queryset.delete()
        self.message_user(request, f"{count} texts deleted.")


@admin.register(CaptureView)
class CaptureViewAdmin(ReadOnlyAdmin):
    list_display = ["at", "user", "project", "request_id"]
    list_display_links = None
    list_filter = [("project", AutocompleteSelectFilter)]
    list_select_related = ["user", "project"]
    search_fields = ["request_id", "user__username"]
    sortable_by = ()
