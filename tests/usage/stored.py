"""What has arrived in the database."""

from uuid import UUID

from usage.models import UsageEvent


def statuses() -> dict[UUID, str]:
    """Return the status of every event by its id, each there once."""
    rows = list(UsageEvent.objects.values_list("id", "status"))
    by_id = dict(rows)
    assert len(by_id) == len(rows)
    return by_id
