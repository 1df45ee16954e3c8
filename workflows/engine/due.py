"""Finding the runs that somebody has to look at, whatever became of the messages."""

from datetime import timedelta
from uuid import UUID

from django.db import connection
from django.utils import timezone

from workflows.engine.claims import LEASE
from workflows.engine.consent import runs_decided
from workflows.models import ACTIVE, StepRun

# For so long nobody else is told of a run that was just found.
_AGAIN = timedelta(seconds=10)

# Materialized, because a plan may run a subquery of UPDATE anew for each row, and find
# other rows than before each time.
_TAKE_DUE = """
    WITH due AS MATERIALIZED (
        SELECT id FROM workflows_workflowrun
        WHERE wake_at <= %s AND status = ANY(%s)
        ORDER BY wake_at LIMIT %s FOR UPDATE SKIP LOCKED
    )
    UPDATE workflows_workflowrun AS run SET wake_at = %s
    FROM due WHERE run.id = due.id RETURNING run.id
"""


def runs_due(at_most: int) -> list[UUID]:
    """Return runs that are due, of which a step was lost with its worker, or decided on.

    They are put off for a moment, so that others look for other ones.
    """
    now = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(_TAKE_DUE, [now, list(ACTIVE), at_most, now + _AGAIN])
        due = [row[0] for row in cursor.fetchall()]
    lost = (
        StepRun.objects.filter(
            status=StepRun.Status.RUNNING, lease_until__lt=now, run__status__in=ACTIVE
        )
        .values_list("run_id", flat=True)
        .order_by()
        .distinct()[:at_most]
    )
    return list(dict.fromkeys([*due, *lost, *runs_decided(at_most)]))


def renew_leases(claims: list[UUID]) -> set[UUID]:
    """Keep these claims; returns those that still count."""
    now = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE workflows_steprun SET lease_until = %s "
            "WHERE claim = ANY(%s) AND status = %s RETURNING claim",
            [now + LEASE, claims, StepRun.Status.RUNNING],
        )
        return {row[0] for row in cursor.fetchall()}
