"""How long it is kept who used what, of the people that requests name."""

from datetime import timedelta

from django.conf import settings

from usage.clearing import delete_in_batches
from usage.days import start_of, today
from usage.models import EndUserTotal, EndUserUsage

# They may be as many as events.
_BATCH = 5_000


def clear_old() -> int:
    """Delete usage by end users beyond END_USER_RETENTION_DAYS (0: none).

    All other sums of that time stay. Return how many rows went.
    """
    days = settings.END_USER_RETENTION_DAYS
    if days <= 0:
        return 0
    oldest = today() - timedelta(days=days)
    hours = EndUserUsage.objects.filter(hour__lt=start_of(oldest))
    return delete_in_batches(hours, _BATCH) + delete_in_batches(
        EndUserTotal.objects.filter(day__lt=oldest), _BATCH
    )
