"""What came of asking providers whether they answer."""

from typing import Any

from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery
from django.urls import reverse
from django.utils.html import format_html
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from catalog.models import Provider, ProviderCheck
from tenants.admin.base import ReadOnlyAdmin
from tenants.admin.unfolded import display

HEALTH_COLOURS = {
    "ok": "success",
    "failing": "danger",
    "missing": "warning",
    "configured": "info",
    "off": "",
}


@admin.register(ProviderCheck)
class ProviderCheckAdmin(ReadOnlyAdmin):
    list_display = [
        "checked_at",
        "provider",
        "shown_status",
        "http_status",
        "latency_ms",
        "message",
    ]
    list_filter = [("provider", AutocompleteSelectFilter), "status"]
    list_select_related = ["provider"]

    @display(description="status", label=HEALTH_COLOURS)
    def shown_status(self, check: ProviderCheck) -> str:
        return check.status


def with_last_check(rows: QuerySet[Provider]) -> QuerySet[Provider]:
    """Add what the last check of each provider found, as `check_…`."""
    newest = ProviderCheck.objects.filter(provider=OuterRef("pk"))
    newest = newest.order_by("-checked_at")
    found: dict[str, Any] = {
        f"check_{name}": Subquery(newest.values(name)[:1])
        for name in ("status", "latency_ms", "message")
    }
    return rows.annotate(**found)


def health_of(provider: Any, key_state: str) -> str:
    """Say in a word how a provider stands that has its last check with it."""
    if not provider.active:
        return "off"
    if key_state not in {"configured", "not needed"}:
        return "missing"
    return provider.check_status or "configured"


def link_to_checks(provider: Any) -> str:
    """Return what was found last, as a link to all that was found."""
    if provider.check_status is None:
        return ""
    words = provider.check_message or f"{provider.check_latency_ms} ms"
    url = reverse("admin:catalog_providercheck_changelist")
    return format_html(
        '<a class="sb-link" href="{}?provider__id__exact={}">{}</a>',
        url,
        provider.pk,
        words,
    )
