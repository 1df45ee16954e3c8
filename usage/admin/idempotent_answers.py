"""Requests with an `Idempotency-Key`: which are under way, which can be answered again."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from tenants.admin.base import ReadOnlyAdmin
from tenants.admin.unfolded import display
from usage.models import IdempotentAnswer

_COLOURS = {
    "kept": "success",
    "under way": "info",
    "not kept": "warning",
    "given up": "danger",
    "expired": "",
}


@admin.register(IdempotentAnswer)
class IdempotentAnswerAdmin(ReadOnlyAdmin):
    """What was answered is sealed, and opens to nobody but the gateway."""

    list_display = [
        "created_at",
        "project",
        "shown_state",
        "request_id",
        "answered_at",
        "expires_at",
    ]
    list_display_links = ["created_at"]
    list_filter = [("project", AutocompleteSelectFilter)]
    list_select_related = ["project"]
    search_fields = ["=request_id"]
    search_help_text = "The id of the request that answered, whole"
    sortable_by = ()
    ordering = ["-id"]
    fields = [
        "project",
        "shown_state",
        "request_id",
        "created_at",
        "lease_until",
        "answered_at",
        "expires_at",
    ]
    readonly_fields = ["shown_state"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        return rows.defer("sealed").annotate(is_kept=~Q(sealed=None))  # type: ignore[no-any-return]

    @display(description="state", label=_COLOURS)
    def shown_state(self, answer: IdempotentAnswer) -> str:
        now = timezone.now()
        if answer.expires_at <= now:
            return "expired"
        if answer.answered_at is not None:
            return "kept" if answer.is_kept else "not kept"  # type: ignore[attr-defined]
        return "under way" if answer.lease_until > now else "given up"
