"""Usage events: a long list, read newest first along its indexes, never counted."""

import json
from itertools import zip_longest
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
)

from tenants.access import seen_by
from tenants.admin.base import ReadOnlyAdmin
from tenants.admin.unfolded import display
from tenants.roles import reach_for
from usage.admin.event_list import (
    EventList,
    PagerWithoutCount,
    around,
    as_uuid,
    near_id,
)
from usage.admin.filters import (
    AliasFilter,
    ModelFilter,
    ProviderFilter,
    StatusFilter,
    TimeRangeFilter,
)
from usage.admin.requests.routes import MOVED
from usage.models import UsageEvent

STATUS_COLOURS = {
    "ok": "success",
    "failed": "danger",
    "incomplete": "warning",
    "cancelled": "info",
    "unsettled": "warning",
}

# What is told of a routing decision in words.
_SHOWN_OF_ID = 13
_SHOWN = frozenset({"order", "scores", "dropped", "first"})


@admin.register(UsageEvent)
class UsageEventAdmin(ReadOnlyAdmin):
    paginator = PagerWithoutCount
    list_display = [
        "occurred_at",
        "project",
        "alias",
        "shown_model",
        "shown_status",
        "tokens",
        "cost",
        "latency",
        "flags",
        "request_link",
    ]
    list_display_links = ["occurred_at"]
    list_filter = [
        ("project", AutocompleteSelectFilter),
        ("occurred_at", TimeRangeFilter),
        ProviderFilter,
        ModelFilter,
        AliasFilter,
        StatusFilter,
    ]
    list_select_related = ["project"]
    list_before_template = "admin/signalbox/_event_list_note.html"
    search_fields = ["id"]
    search_help_text = "Request id, event id, end user, feature or error code"
    sortable_by = ()
    ordering = ["-occurred_at", "-id"]
    actions: list[str] = []
    change_form_outer_after_template = "admin/signalbox/_event_attempts.html"
    fieldsets = [
        (
            "What happened",
            {
                "fields": [
                    ("occurred_at", "shown_status"),
                    ("http_status", "error_code"),
                    ("kind", "attempt"),
                    "request_link",
                    "id",
                ]
            },
        ),
        (
            "Who asked",
            {
                "fields": [
                    ("organization", "project"),
                    "shown_key",
                    ("end_user", "tags"),
                    ("feature", "feature_id"),
                ]
            },
        ),
        (
            "What was called",
            {
                "fields": [
                    ("operation", "dialect"),
                    ("alias", "strategy"),
                    ("provider", "model"),
                    ("reported_model", "streamed"),
                    ("fallback", "cache"),
                ]
            },
        ),
        (
            "What it used and cost",
            {
                "fields": [
                    ("input_tokens", "output_tokens"),
                    ("cache_read_tokens", "cache_write_tokens"),
                    ("reasoning_tokens", "other_usage"),
                    ("cost", "estimated"),
                    "price_ids",
                ]
            },
        ),
        (
            "How long it took",
            {
                "fields": [
                    ("shown_latency", "shown_first_token"),
                    ("shown_overhead", "config_version"),
                ]
            },
        ),
        ("Why this target", {"fields": ["shown_routing"]}),
    ]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return EventList

    def get_queryset(self, request: HttpRequest) -> QuerySet[UsageEvent]:
        return super().get_queryset(request).select_related("project")

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> UsageEvent | None:
        """Find an event by its id alone, in the partitions of the day it was made."""
        event_id = as_uuid(object_id)
        if event_id is None:
            return None
        rows = UsageEvent.objects.filter(
            seen_by(reach_for(request), UsageEvent)
        ).select_related("project", "organization", "api_key")
        near = rows.filter(near_id(event_id), id=event_id).first()
        return near or rows.filter(id=event_id).first()

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[UsageEvent], search_term: str
    ) -> tuple[QuerySet[UsageEvent], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        if (wanted := as_uuid(term)) is not None:
            return (
                queryset.filter(Q(id=wanted) | Q(request_id=wanted), near_id(wanted)),
                False,
            )
        return (
            queryset.filter(Q(end_user=term) | Q(feature=term) | Q(error_code=term)),
            False,
        )

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        event = self.get_object(request, object_id)
        siblings = []
        if event is not None:
            siblings = list(
                UsageEvent.objects.filter(
                    around(event.occurred_at),
                    project_id=event.project_id,
                    request_id=event.request_id,
                ).order_by("occurred_at", "attempt", "id")[:50]
            )
        context = {
            "siblings": siblings,
            "show_history": False,
            **(extra_context or {}),
        }
        return super().change_view(request, object_id, form_url, context)

    @display(description="model")
    def shown_model(self, event: UsageEvent) -> str:
        return f"{event.provider}/{event.model}"

    @display(description="status", label=STATUS_COLOURS)
    def shown_status(self, event: UsageEvent) -> str:
        return event.status

    @display(description="tokens in / out")
    def tokens(self, event: UsageEvent) -> str:
        return f"{event.input_tokens:,} / {event.output_tokens:,}"

    @display(description="cost")
    def cost(self, event: UsageEvent) -> str:
        if event.cost_usd is None:
            return "unknown"
        about = "≈ " if event.estimated else ""
        return f"{about}${event.cost_usd.normalize():f}"

    @display(description="latency")
    def latency(self, event: UsageEvent) -> str:
        return _milliseconds(event.latency_ms)

    @display(description="latency")
    def shown_latency(self, event: UsageEvent) -> str:
        return _milliseconds(event.latency_ms)

    @display(description="time to first token")
    def shown_first_token(self, event: UsageEvent) -> str:
        return _milliseconds(event.first_token_ms)

    @display(description="time spent in Signalbox")
    def shown_overhead(self, event: UsageEvent) -> str:
        return _milliseconds(event.overhead_ms)

    @display(description="")
    def flags(self, event: UsageEvent) -> str:
        named = {
            "fallback": event.fallback,
            "streamed": event.streamed,
            "estimated": event.estimated,
            "cached": event.kind == UsageEvent.Kind.CACHE_HIT,
        }
        return ", ".join(name for name, holds in named.items() if holds)

    @display(description="request")
    def request_link(self, event: UsageEvent) -> SafeString:
        url = reverse("request", args=[event.request_id])
        return format_html(
            '<a class="sb-link sb-nowrap" href="{}" title="{}">{}…</a>',
            url,
            event.request_id,
            str(event.request_id)[:_SHOWN_OF_ID],
        )

    @display(description="API key")
    def shown_key(self, event: UsageEvent) -> str:
        if event.api_key_id is None:
            return ""
        key = event.api_key
        return "" if key is None else f"{key.prefix}… ({key.name})"

    @display(description="routing decision")
    def shown_routing(self, event: UsageEvent) -> SafeString | str:
        if not event.routing:
            return ""
        return format_html('<pre class="sb-json">{}</pre>', _decision(event.routing))


def _decision(routing: dict[str, Any]) -> str:
    """Return a routing decision as lines: who was to be asked, and who was not."""
    order = routing.get("order", [])
    scores = routing.get("scores") or []
    lines = [
        f"{place}. {name}" + (f"  (score {score})" if score is not None else "")
        for place, (name, score) in enumerate(zip_longest(order, scores), start=1)
    ]
    lines += [
        f"-  {name}  (dropped: {code})"
        for name, code in routing.get("dropped", {}).items()
    ]
    if (first := routing.get("first")) in MOVED:
        lines.append(MOVED[first])
    rest = {n: v for n, v in routing.items() if n not in _SHOWN}
    if rest:
        lines.append(json.dumps(rest, indent=2, ensure_ascii=False))
    return "\n".join(lines)


def _milliseconds(value: float | None) -> str:
    return "" if value is None else f"{value:,.1f} ms"
