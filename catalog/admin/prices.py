from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from catalog.models import Price
from tenants.admin.base import OperatorAdmin
from tenants.admin.inlines import OperatorInline
from tenants.admin.unfolded import display

NEVER_EDITED = (
    "A price is never edited, for that would re-price the past. "
    "Add one with a later date."
)


def is_in_the_past(price: Price | None) -> bool:
    return price is not None and price.valid_from <= timezone.now()


class PriceInline(OperatorInline):
    model = Price
    hide_title = True
    fields = ["component", "per_million", "per_unit", "min_input_tokens", "valid_from"]
    ordering = ["-valid_from", "component", "min_input_tokens"]
    verbose_name_plural = "prices (added, never edited: add one with a later date)"
    can_delete = False
    per_page = 20

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Price)
class PriceAdmin(OperatorAdmin):
    list_display = [
        "model",
        "component",
        "amount",
        "min_input_tokens",
        "valid_from",
        "shown_state",
    ]
    list_display_links = ["model", "component"]
    list_filter = [("model", AutocompleteSelectFilter), "component"]
    list_select_related = ["model__provider"]
    search_fields = ["model__model_id", "model__provider__slug"]
    autocomplete_fields = ["model"]
    date_hierarchy = "valid_from"
    ordering = ["-valid_from", "model", "component"]
    actions: list[str] = []
    fields = [
        "model",
        "component",
        "per_million",
        "per_unit",
        "min_input_tokens",
        "valid_from",
    ]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        may = super().has_delete_permission(request, obj)
        return may and obj is not None and not is_in_the_past(obj)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        more = {"subtitle": NEVER_EDITED, **(extra_context or {})}
        return super().change_view(request, object_id, form_url, more)

    @display(description="USD")
    def amount(self, price: Price) -> str:
        if price.per_million is not None:
            return f"{price.per_million.normalize():f} per million"
        return "" if price.per_unit is None else f"{price.per_unit.normalize():f} each"

    @display(description="state", label={"in force": "success", "planned": "info"})
    def shown_state(self, price: Price) -> str:
        return "in force" if is_in_the_past(price) else "planned"
