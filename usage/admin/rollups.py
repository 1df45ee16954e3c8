"""Hourly and daily usage, with the totals of what is filtered."""

from datetime import datetime, timedelta
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Count, QuerySet, Sum
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    RangeDateFilter,
)

from tenants.admin.base import OperatorList, ReadOnlyAdmin
from tenants.admin.unfolded import DropdownFilter, display
from usage.admin.events import STATUS_COLOURS
from usage.admin.filters import (
    AliasFilter,
    CacheFilter,
    FeatureFilter,
    ModelFilter,
    ProviderFilter,
    StatusFilter,
    TimeRangeFilter,
)
from usage.models import DailyUsage, HourlyUsage

# Totals are summed up to so many rows; beyond, the operator is asked to narrow.
SUMMED = 20_000
_SUMMED_COLUMNS = (
    "requests",
    "events",
    "input_tokens",
    "output_tokens",
    "cost_usd",
    "unpriced",
)
_NOT_SHOWN = (
    "other_usage",
    "latency_buckets",
    "latency_counts",
    "first_token_buckets",
    "first_token_counts",
)
_DAYS = [1, 7, 30, 90, 365]


class PeriodFilter(DropdownFilter):
    """The time that a list shows; without a choice, a recent stretch of it."""

    title = "period"
    parameter_name = "period"
    all_option = None
    default = "7"

    def value(self) -> str:
        return super().value() or self.default

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [*((str(n), f"Last {n} days") for n in _DAYS), ("all", "Any time")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not self.value().isdecimal() or _has_range(request):
            return queryset
        days = min(int(self.value()), _DAYS[-1])
        return self.since(queryset, timezone.now() - timedelta(days=days))

    def since(self, queryset: QuerySet[Any], start: datetime) -> QuerySet[Any]:
        return queryset.filter(hour__gte=start)


class DayPeriodFilter(PeriodFilter):
    default = "30"

    def since(self, queryset: QuerySet[Any], start: datetime) -> QuerySet[Any]:
        return queryset.filter(day__gt=start.date())


def _has_range(request: HttpRequest) -> bool:
    return any(
        value and name.startswith(("hour_", "day_"))
        for name, value in request.GET.items()
    )


class RollupList(OperatorList):
    """Leaves out what is long and not shown."""

    def get_queryset(
        self, request: HttpRequest, exclude_parameters: list[str | None] | None = None
    ) -> QuerySet[Any]:
        rows = super().get_queryset(request, exclude_parameters)
        return rows.defer(*_NOT_SHOWN)


class RollupAdmin(ReadOnlyAdmin):
    list_display = [
        "project",
        "alias",
        "shown_model",
        "operation",
        "shown_status",
        "requests",
        "events",
        "tokens",
        "cost",
        "mean_latency",
    ]
    list_select_related = ["project"]
    list_before_template = "admin/signalbox/_totals.html"
    search_fields = ()
    sortable_by = ()
    actions: list[str] = []

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return RollupList

    @display(description="model")
    def shown_model(self, row: Any) -> str:
        return f"{row.provider}/{row.model}"

    @display(description="status", label=STATUS_COLOURS)
    def shown_status(self, row: Any) -> str:
        return str(row.status)

    @display(description="tokens in / out")
    def tokens(self, row: Any) -> str:
        return f"{row.input_tokens:,} / {row.output_tokens:,}"

    @display(description="cost")
    def cost(self, row: Any) -> str:
        unknown = f" + {row.unpriced} unpriced" if row.unpriced else ""
        return f"${row.cost_usd:,.6f}{unknown}"

    @display(description="mean latency")
    def mean_latency(self, row: Any) -> str:
        return f"{row.latency_ms_sum / row.events:,.0f} ms" if row.events else ""

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        response = super().changelist_view(request, extra_context)
        context = getattr(response, "context_data", None) or {}
        if isinstance(context.get("cl"), ChangeList):
            context["totals"] = totals(context["cl"].queryset)
        return response


def totals(rows: QuerySet[Any]) -> dict[str, Any] | None:
    """Sum the rows, or return None when they are too many to sum while one waits."""
    part = rows.order_by().values("pk", *_SUMMED_COLUMNS)[: SUMMED + 1]
    found: dict[str, Any] = part.aggregate(
        rows=Count("pk"),
        **{name: Sum(name, default=0) for name in _SUMMED_COLUMNS},
    )
    return None if found["rows"] > SUMMED else found


@admin.register(HourlyUsage)
class HourlyUsageAdmin(RollupAdmin):
    list_display = ["hour", *RollupAdmin.list_display]
    list_filter = [
        PeriodFilter,
        ("hour", TimeRangeFilter),
        ("organization", AutocompleteSelectFilter),
        ("project", AutocompleteSelectFilter),
        ProviderFilter,
        ModelFilter,
        AliasFilter,
        FeatureFilter,
        StatusFilter,
        CacheFilter,
    ]
    ordering = ["-hour", "-id"]


@admin.register(DailyUsage)
class DailyUsageAdmin(RollupAdmin):
    list_display = ["day", *RollupAdmin.list_display]
    list_filter = [
        DayPeriodFilter,
        ("day", RangeDateFilter),
        ("organization", AutocompleteSelectFilter),
        ("project", AutocompleteSelectFilter),
        ProviderFilter,
        ModelFilter,
        AliasFilter,
        FeatureFilter,
        StatusFilter,
        CacheFilter,
    ]
    ordering = ["-day", "-id"]
