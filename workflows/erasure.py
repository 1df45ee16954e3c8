"""Runs for an end user who is erased go with all that they said."""

from tenants.models import Project
from workflows.models import WorkflowRun

_BATCH = 500


def forget(project: Project, end_user: str) -> int:
    """Remove the user's runs that have ended; return how many.

    One that is under way is answering somebody, and goes with the old ones.
    """
    theirs = WorkflowRun.objects.filter(
        project=project, end_user=end_user, ended_at__isnull=False
    )
    removed = 0
    while found := list(theirs.order_by("pk").values_list("pk", flat=True)[:_BATCH]):
        WorkflowRun.objects.filter(pk__in=found).delete()
        removed += len(found)
    return removed
