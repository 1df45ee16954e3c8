"""Runs are kept for a while and then removed, with everything they said."""

from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from workflows.models import IdempotentRequest, WorkflowRun, WorkflowVersion

_KEYS_KEPT = timedelta(days=1)
_BATCH = 500


def remove_old() -> int:
    """Remove runs that ended long ago, and what only they needed; return how many."""
    now = timezone.now()
    oldest = now - timedelta(days=settings.WORKFLOW_RETENTION_DAYS)
    IdempotentRequest.objects.filter(created_at__lt=now - _KEYS_KEPT).delete()
    removed = 0
    while True:
        old = list(
            WorkflowRun.objects.filter(ended_at__lt=oldest).values_list(
                "pk", flat=True
            )[:_BATCH]
        )
        if not old:
            break
        removed += len(old)
        WorkflowRun.objects.filter(pk__in=old).delete()
    WorkflowVersion.objects.filter(
        workflow=None, runs=None, created_at__lt=oldest
    ).delete()
    return removed
