"""Reading a long table of events: newest first, along its indexes, never counted."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from tenants.admin.base import OperatorList
from usage.admin.filters import TimeRangeFilter
from usage.models import UsageEvent

PAGES = 200
# How many of the newest events are looked through for what no index answers.
LOOKED_THROUGH = 100_000
# An event is written under the moment its attempt began; its id is made then too.
_AROUND_ID = timedelta(days=1)
_UUID7 = 7
# No clock says so: an id that does was not made here.
_FAR = datetime(9000, 1, 1, tzinfo=UTC)


class PagerWithoutCount(Paginator[Any]):
    """Previous and next. What lies further back is reached by the time filter."""

    template_name = "unfold/helpers/pagination_infinite.html"

    @cached_property
    def count(self) -> int:
        return PAGES * self.per_page


# Filters that no index answers: they look through the newest events only.
_LOOK_THROUGH = ["provider", "status", "model", "alias", "q"]


class EventList(OperatorList):
    looked_back_to: datetime | None = None

    def get_queryset(
        self, request: HttpRequest, exclude_parameters: list[str | None] | None = None
    ) -> QuerySet[Any]:
        rows = super().get_queryset(request, exclude_parameters)
        if not any(request.GET.get(name) for name in _LOOK_THROUGH):
            return rows
        if as_uuid(request.GET.get("q", "")) is not None:
            return rows
        if (start := _start_of_look(self._indexed_part(request))) is None:
            return rows
        self.looked_back_to = start
        return rows.filter(occurred_at__gte=start)

    def _indexed_part(self, request: HttpRequest) -> QuerySet[UsageEvent]:
        """Return the rows under the filters for project and time alone."""
        rows: QuerySet[UsageEvent] = UsageEvent.objects.all()
        for spec in self.filter_specs:
            if isinstance(spec, AutocompleteSelectFilter | TimeRangeFilter):
                found = spec.queryset(request, rows)
                rows = rows if found is None else found
        return rows


def _start_of_look(rows: QuerySet[UsageEvent]) -> datetime | None:
    """Return the moment of the last event to look at, or None to look at all."""
    moments = rows.order_by("-occurred_at").values_list("occurred_at", flat=True)
    return next(iter(moments[LOOKED_THROUGH : LOOKED_THROUGH + 1]), None)


def as_uuid(text: str) -> UUID | None:
    try:
        return UUID(text.strip())
    except ValueError:
        return None


def near_id(event_id: UUID) -> Q:
    """Narrow to the partitions around the moment that the id tells, if it does."""
    moment = moment_of(event_id)
    return Q() if moment is None else around(moment)


def from_id(event_id: UUID) -> Q:
    """Narrow to those partitions and all later ones."""
    moment = moment_of(event_id)
    return Q() if moment is None else Q(occurred_at__gte=moment - _AROUND_ID)


def moment_of(event_id: UUID) -> datetime | None:
    """Return when the id was made; None where it does not tell."""
    if event_id.version != _UUID7:
        return None
    try:
        moment = datetime.fromtimestamp((event_id.int >> 80) / 1000, UTC)
    except (OverflowError, ValueError):
        return None
    return moment if moment < _FAR else None


def around(moment: datetime) -> Q:
    return Q(occurred_at__range=(moment - _AROUND_ID, moment + _AROUND_ID))
