"""Filters of usage, none of which asks the tables of usage what there is to choose."""

from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.dateparse import parse_date, parse_time
from django.utils.timezone import make_aware

from catalog.models import Provider
from tenants.access import seen_by
from tenants.admin.unfolded import DropdownFilter, RangeDateTimeFilter, TextFilter
from tenants.roles import reach_for
from usage.models import UsageEvent


class ProviderFilter(DropdownFilter):
    title = "provider"
    parameter_name = "provider"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        seen = Provider.objects.filter(seen_by(reach_for(request), Provider))
        slugs = seen.order_by("slug").values_list("slug", flat=True)
        return [(slug, slug) for slug in slugs]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(provider=self.value()) if self.value() else queryset


class StatusFilter(DropdownFilter):
    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("error", "Any but ok"), *UsageEvent.Status.choices]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "error":
            return queryset.exclude(status=UsageEvent.Status.OK)
        return queryset.filter(status=self.value()) if self.value() else queryset


class ModelFilter(TextFilter):
    title = "model"
    parameter_name = "model"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = (self.value() or "").strip()
        return queryset.filter(model=value) if value else queryset


class AliasFilter(TextFilter):
    title = "alias"
    parameter_name = "alias"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = (self.value() or "").strip()
        return queryset.filter(alias=value) if value else queryset


class FeatureFilter(TextFilter):
    title = "feature"
    parameter_name = "feature"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = (self.value() or "").strip()
        return queryset.filter(feature=value) if value else queryset


class CacheFilter(DropdownFilter):
    """What the cache knew; `hit` includes what another request was just asking."""

    title = "cache"
    parameter_name = "cache"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("hit", "Hit"), ("miss", "Miss"), ("bypass", "Not asked")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        match self.value():
            case "hit":
                return queryset.filter(cache__in=["hit", "coalesced"])
            case "miss" | "bypass" as result:
                return queryset.filter(cache=result)
        return queryset


class TimeRangeFilter(RangeDateTimeFilter):
    """From one moment to another, in UTC. A date without a time is the whole day."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        bounds = {
            "gte": self._moment("from", "00:00:00"),
            "lte": self._moment("to", "23:59:59.999999"),
        }
        return queryset.filter(
            **{
                f"{self.field_path}__{bound}": moment
                for bound, moment in bounds.items()
                if moment is not None
            }
        )

    def choices(self, changelist: Any) -> Any:
        for bound, otherwise in (("from", "00:00:00"), ("to", "23:59:59")):
            if self._given(bound, 0):
                self.used_parameters[f"{self.field_path}_{bound}_1"] = (
                    self._given(bound, 1) or otherwise
                )
        return super().choices(changelist)

    def _moment(self, bound: str, otherwise: str) -> datetime | None:
        try:
            day = parse_date(self._given(bound, 0))
            time = parse_time(self._given(bound, 1) or otherwise)
        except ValueError:
            return None
        if day is None or time is None:
            return None
        return make_aware(datetime.combine(day, time))

    def _given(self, bound: str, part: int) -> str:
        return str(self.used_parameters.get(f"{self.field_path}_{bound}_{part}") or "")
