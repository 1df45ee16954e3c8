"""Usage, to look at: single events, and their sums by hour and by day."""

from django_filters import DateFilter

from gateway.control import fields
from gateway.control.filters import Filters, NamesFilter, since, until
from gateway.control.permissions import roles_for
from gateway.control.references import ReferenceFilter
from gateway.control.serializers import ReadSerializer
from gateway.control.viewsets import ControlViewSet, Reading
from tenants.models import ApiKey, Organization, Project
from usage.models import DailyUsage, HourlyUsage, UsageEvent

_NAMED = ["provider", "model", "alias", "operation", "feature", "status", "kind"]


class UsageFilters(Filters):
    """What events and their sums are filtered by alike."""

    organization = ReferenceFilter(Organization)
    project = ReferenceFilter(Project)
    api_key = ReferenceFilter(ApiKey)
    provider = NamesFilter(lookup_expr="in")
    model = NamesFilter(lookup_expr="in")
    status = NamesFilter(lookup_expr="in")


class EventFilters(UsageFilters):
    since = since("occurred_at")
    until = until("occurred_at")

    class Meta:
        model = UsageEvent
        fields = [
            *_NAMED,
            "organization",
            "project",
            "api_key",
            "end_user",
            "feature_id",
            "request_id",
            "error_code",
            "streamed",
            "cache",
            "estimated",
        ]


class HourlyFilters(UsageFilters):
    since = since("hour")
    until = until("hour")

    class Meta:
        model = HourlyUsage
        fields = [*_NAMED, "organization", "project", "api_key"]


class DailyFilters(UsageFilters):
    since = DateFilter("day", "gte", label="From this day on (UTC).")
    until = DateFilter("day", "lt", label="Before this day (UTC).")

    class Meta:
        model = DailyUsage
        fields = [*_NAMED, "organization", "project", "api_key"]


class EventRead(ReadSerializer):
    tags = fields.names()
    other_usage = fields.values_by_name()
    routing = fields.values_by_name()

    class Meta:
        model = UsageEvent
        fields = [
            "id",
            "occurred_at",
            "kind",
            "request_id",
            "attempt",
            "organization",
            "project",
            "api_key",
            "end_user",
            "feature",
            "feature_id",
            "tags",
            "operation",
            "dialect",
            "alias",
            "provider",
            "model",
            "reported_model",
            "streamed",
            "status",
            "http_status",
            "error_code",
            "input_tokens",
            "cache_read_tokens",
            "cache_write_tokens",
            "output_tokens",
            "reasoning_tokens",
            "other_usage",
            "estimated",
            "cost_usd",
            "reported_cost_usd",
            "saved_usd",
            "latency_ms",
            "first_token_ms",
            "overhead_ms",
            "cache",
            "fallback",
            "strategy",
            "routing",
            "config_version",
        ]


_SUMS = [
    "organization",
    "project",
    "api_key",
    *_NAMED,
    "events",
    "requests",
    "input_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "output_tokens",
    "reasoning_tokens",
    "cost_usd",
    "unpriced",
    "estimated",
    "fallbacks",
    "latency_ms_sum",
    "first_token_ms_sum",
    "first_tokens",
]


class HourlyRead(ReadSerializer):
    class Meta:
        model = HourlyUsage
        fields = ["hour", *_SUMS]


class DailyRead(ReadSerializer):
    class Meta:
        model = DailyUsage
        fields = ["day", *_SUMS]


_SUM = {
    "organization": 2,
    "project": 3,
    "api_key": 5,
    "provider": "acme",
    "model": "acme-large-2",
    "alias": "fast",
    "operation": "chat",
    "feature": "",
    "status": "ok",
    "kind": "attempt",
    "events": 120,
    "requests": 118,
    "input_tokens": 48210,
    "cache_read_tokens": 0,
    "cache_write_tokens": 0,
    "output_tokens": 9032,
    "reasoning_tokens": 0,
    "cost_usd": "0.150612000000",
    "unpriced": 0,
    "estimated": 0,
    "fallbacks": 2,
    "latency_ms_sum": 98211.5,
    "first_token_ms_sum": 21400.25,
    "first_tokens": 60,
}


class UsageViewSet(Reading):
    """One event for each upstream attempt. It holds no prompt and no answer."""

    queryset = UsageEvent.objects.all()
    read_serializer_class = EventRead
    filterset_class = EventFilters
    lookup_value_regex = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
    orderings = ("-occurred_at",)
    roles = roles_for(UsageEvent)
    example_row = {
        "id": "0197f0d1-6c1f-7f0e-9d4a-7a2f6f0c1e55",
        "occurred_at": "2026-01-01T09:00:00.123456Z",
        "kind": "attempt",
        "request_id": "0197f0d1-6c1e-7c02-8f5e-1b2c3d4e5f60",
        "attempt": 1,
        "organization": 2,
        "project": 3,
        "api_key": 5,
        "end_user": "user-17",
        "feature": "summary",
        "feature_id": "",
        "tags": [],
        "operation": "chat",
        "dialect": "openai_chat",
        "alias": "fast",
        "provider": "acme",
        "model": "acme-large-2",
        "reported_model": "acme-large-2",
        "streamed": False,
        "status": "ok",
        "http_status": 200,
        "error_code": "",
        "input_tokens": 402,
        "cache_read_tokens": 0,
        "cache_write_tokens": 0,
        "output_tokens": 75,
        "reasoning_tokens": 0,
        "other_usage": {},
        "estimated": False,
        "cost_usd": "0.001254000000",
        "reported_cost_usd": None,
        "saved_usd": None,
        "latency_ms": 812.5,
        "first_token_ms": None,
        "overhead_ms": 0.4,
        "cache": "miss",
        "fallback": False,
        "strategy": "cheapest",
        "routing": {},
        "config_version": 118,
    }


class HourlyViewSet(ControlViewSet):
    queryset = HourlyUsage.objects.all()
    read_serializer_class = HourlyRead
    filterset_class = HourlyFilters
    orderings = ("-hour",)
    roles = roles_for(HourlyUsage)
    example_row = {"hour": "2026-01-01T09:00:00Z", **_SUM}


class DailyViewSet(ControlViewSet):
    queryset = DailyUsage.objects.all()
    read_serializer_class = DailyRead
    filterset_class = DailyFilters
    orderings = ("-day",)
    roles = roles_for(DailyUsage)
    example_row = {"day": "2026-01-01", **_SUM}
