"""Context entries that have expired: cleared away in bounded batches."""

from tenants.models import ContextEntry
from usage.clearing import delete_in_batches


def clear_expired() -> int:
    """Delete what has expired, some at a time, and return how many."""
    return delete_in_batches(ContextEntry.objects.expired())
