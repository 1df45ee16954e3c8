"""The list of configuration versions, which only the newest part of is of use."""

from datetime import timedelta

from django.db.models import Max
from django.utils import timezone

from tenants.models import ConfigChange

KEPT = timedelta(days=90)


def trim() -> int:
    """Delete versions older than KEPT and return how many; the newest always stays."""
    newest = ConfigChange.objects.aggregate(id=Max("id"))["id"] or 0
    deleted, _ = ConfigChange.objects.filter(
        id__lt=newest, changed_at__lt=timezone.now() - KEPT
    ).delete()
    return deleted
