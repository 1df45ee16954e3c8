"""What has arrived in the database."""

from usage.models import UsageEvent


def statuses() -> dict[str, str]:
    """Return the status of every event by its id, each there once."""
    events = UsageEvent.objects.values_list("id", "status")
    rows = [(str(event_id), status) for event_id, status in events]
    by_id = dict(rows)
    assert len(by_id) == len(rows)
    return by_id
