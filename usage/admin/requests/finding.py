"""The events of a request, wherever they are stored."""

from uuid import UUID

from django.db.models import QuerySet

from tenants.access import seen_by
from tenants.roles import Reach
from usage.admin.event_list import from_id
from usage.models import UsageEvent

# Of one request; it has a handful of attempts.
MAX_EVENTS = 100


def events_of(request_id: UUID, reach: Reach) -> list[UsageEvent]:
    """Return the events that somebody sees, the first attempt first.

    The id tells the moment, and so the first partition to look at: what is booked
    afterwards lies in later ones. Where that finds nothing all are looked through.
    """
    rows: QuerySet[UsageEvent] = UsageEvent.objects.filter(
        seen_by(reach, UsageEvent), request_id=request_id
    ).select_related("project", "organization", "api_key")
    return _listed(rows.filter(from_id(request_id))) or _listed(rows)


def _listed(rows: QuerySet[UsageEvent]) -> list[UsageEvent]:
    found = rows.order_by("occurred_at", "attempt", "id")[:MAX_EVENTS]
    return sorted(found, key=lambda event: (event.attempt, event.occurred_at))
