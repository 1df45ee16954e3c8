"""Prices that a newer source has, to be decided on, and past usage paid anew."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from tenants.admin.base import OperatorAdmin
from tenants.admin.unfolded import action, display
from usage.models import PriceProposal, Rerating
from usage.price_book.deciding import NotDecided, approve, reject

_COLOURS = {"pending": "warning", "approved": "success", "rejected": "danger"}


@admin.register(PriceProposal)
class PriceProposalAdmin(OperatorAdmin):
    list_display = [
        "model",
        "component",
        "min_input_tokens",
        "shown_before",
        "amount",
        "announced_for",
        "shown_state",
        "source",
    ]
    list_display_links = ["model", "component"]
    list_filter = ["state", "component", ("model", AutocompleteSelectFilter)]
    list_select_related = ["model__provider"]
    search_fields = ["model__model_id", "model__provider__slug"]
    sortable_by = ()
    actions = ["approve_selected", "reject_selected"]
    readonly_fields = [
        "model",
        "component",
        "min_input_tokens",
        "shown_before",
        "amount",
        "announced_for",
        "source",
        "found_at",
        "shown_state",
        "decided_at",
        "decided_by",
        "price",
    ]
    fields = [*readonly_fields[:8], "effective_from", *readonly_fields[8:]]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        is_decided = obj is not None and obj.state != PriceProposal.State.PENDING
        return [*self.readonly_fields, *(["effective_from"] if is_decided else [])]

    @display(description="the book says")
    def shown_before(self, row: PriceProposal) -> str:
        return row.before or "nothing"

    @display(description="the source says (USD)")
    def amount(self, row: PriceProposal) -> str:
        return row.amount

    @display(description="state", label=_COLOURS)
    def shown_state(self, row: PriceProposal) -> str:
        return row.state

    @action(description="Approve selected", permissions=["change"])
    def approve_selected(
        self, request: HttpRequest, queryset: QuerySet[PriceProposal]
    ) -> None:
        self._decide(request, queryset, approve, "added to the price book")

    @action(description="Reject selected", permissions=["change"])
    def reject_selected(
        self, request: HttpRequest, queryset: QuerySet[PriceProposal]
    ) -> None:
        self._decide(request, queryset, reject, "rejected")

    def _decide(
        self,
        request: HttpRequest,
        rows: QuerySet[PriceProposal],
        decide: Callable[[int, Any], object],
        what: str,
    ) -> None:
        done = 0
        for row in rows.select_related("model__provider"):
            try:
                decide(row.pk, request.user)
            except (NotDecided, ValidationError) as error:
                said = error.messages if isinstance(error, ValidationError) else [error]
                text = " ".join(map(str, said))
                self.message_user(request, f"{row}: {text}", messages.ERROR)
            else:
                done += 1
        if done:
            self.message_user(request, f"{done} {what}.", messages.SUCCESS)


@admin.register(Rerating)
class ReratingAdmin(OperatorAdmin):
    list_display = [
        "begins_at",
        "ends_at",
        "model",
        "project",
        "shown_state",
        "checked",
        "adjustments",
        "difference_usd",
        "asked_by",
    ]
    list_filter = ["state", ("project", AutocompleteSelectFilter)]
    list_select_related = ["model__provider", "project", "asked_by"]
    search_fields = ["reason"]
    sortable_by = ()
    autocomplete_fields = ["model", "project"]
    actions: list[str] = []
    _figures = [
        "shown_state",
        "done_until",
        "checked",
        "adjustments",
        "difference_usd",
        "asked_by",
        "created_at",
        "ended_at",
    ]
    _asked = ["begins_at", "ends_at", "model", "project", "reason"]
    readonly_fields = _figures

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self._asked if obj is None else [*self._asked, *self._figures]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @display(
        description="state",
        label={"waiting": "info", "running": "warning", "done": "success"},
    )
    def shown_state(self, row: Rerating) -> str:
        return row.state

    def save_model(
        self, request: HttpRequest, obj: Any, form: Any, change: Any
    ) -> None:
        obj.asked_by_id = request.user.pk
        super().save_model(request, obj, form, change)
        self.message_user(
            request, "It is done within a minute or two; the sums follow by themselves."
        )
