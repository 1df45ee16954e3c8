"""Reports that are due: each made once, rendered, sent, and tried again when it fails.

What is to be done follows from the rows alone, so that any number of workers may do it at
any time. Whoever works on a report holds the lock of its row, however long that takes; when
a worker dies its lock is gone, and at the time of the next attempt another one goes on from
the last state that was written.
"""

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.db.models import QuerySet
from django.template.defaultfilters import truncatechars
from django.utils import timezone
from psycopg.errors import LockNotAvailable

from usage.clearing import delete_in_batches
from usage.models import ReportDefinition, ReportRun
from usage.notifications.sending import NotSent
from usage.reports.periods import Period, ended_periods, period_with
from usage.reports.rendering import render
from usage.reports.sending import send

logger = logging.getLogger(__name__)

MAX_ATTEMPTS = 8
_FIRST_WAIT = timedelta(seconds=10)
_AT_ONCE = 50
# However short reports are kept, none that is still made up for is forgotten.
_LEAST_KEPT_DAYS = 100
# A worker that has not been heard of for so long loses its lock.
_SILENCE_MS = 5 * 60 * 1000
# So long for one that only looks for work to let go of a lock.
_LOCK_MS = 1_000


def run_due(limit: int = _AT_ONCE) -> int:
    """Make, render and send what is due, and return how many reports were worked on."""
    make_due(timezone.now())
    worked = 0
    while worked < limit and (run := _claim_one()) is not None:
        worked += 1
        _work_on(run)
    return worked


def make_due(now: datetime) -> int:
    """Add the runs of periods that have ended, and return how many were new."""
    rows = ReportDefinition.objects.filter(active=True)
    wanted = [
        new_run(definition, period, now)
        for definition in rows.select_related("organization", "project")
        for period in ended_periods(
            definition.period,
            definition.zone,
            definition.hour,
            now,
            definition.created_at,
        )
    ]
    labels = {run.period for run in wanted}
    known = set(
        ReportRun.objects.filter(period__in=labels).values_list(
            "definition_id", "period"
        )
    )
    missing = [run for run in wanted if (run.definition_id, run.period) not in known]
    # Another process may have been quicker.
    ReportRun.objects.bulk_create(missing, ignore_conflicts=True)
    return len(missing)


def new_run(definition: ReportDefinition, period: Period, now: datetime) -> ReportRun:
    return ReportRun(
        definition=definition,
        organization_id=definition.organization_id,
        project_id=definition.project_id,
        period=period.label,
        begins_at=period.begin,
        ends_at=period.end,
        next_attempt_at=now,
    )


def _claim_one() -> ReportRun | None:
    """Take up the report that has waited longest, unless another has its lock."""
    now = timezone.now()
    with transaction.atomic():
        run = (
            _open_runs(skip_locked=True)
            .filter(next_attempt_at__lte=now)
            .order_by("next_attempt_at")
            .first()
        )
        if run is None:
            return None
        if run.state == ReportRun.State.WAITING:
            run.state = ReportRun.State.CLAIMED
        if run.attempts >= MAX_ATTEMPTS:
            # Its workers died, one after another.
            run.state, run.error = ReportRun.State.FAILED, "No worker has survived it."
        run.attempts += 1
        run.next_attempt_at = now + _wait(run.attempts)
        run.save(update_fields=["attempts", "next_attempt_at", "state", "error"])
    return run


def _work_on(claimed: ReportRun) -> None:
    """Render the report, then send it, each step in a transaction that holds its lock."""
    for step in (_render, _send):
        try:
            with transaction.atomic():
                run = _locked(claimed)
                if run is None:
                    return
                step(run)
        except NotSent as error:
            _put_off(claimed, str(error))
            return
        except Exception as error:
            # A report that cannot be drawn up must not hold up the others.
            logger.exception("report failed", extra={"report": str(claimed.pk)})
            _put_off(claimed, f"{type(error).__name__}: {error}")
            return


def _locked(claimed: ReportRun) -> ReportRun | None:
    """Return the report under its lock, or None when another works on it.

    Who looks for a report at the moment at which it was claimed has its lock, too, until
    he has seen that it is taken: so it is waited for, but not for long.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('idle_in_transaction_session_timeout', %s, true), "
            "set_config('lock_timeout', %s, true)",
            [str(_SILENCE_MS), str(_LOCK_MS)],
        )
    try:
        with transaction.atomic():
            run = (
                _open_runs(skip_locked=False)
                .filter(pk=claimed.pk, attempts=claimed.attempts)
                .first()
            )
    except OperationalError as error:
        if isinstance(error.__cause__, LockNotAvailable):
            return None
        raise
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = DEFAULT")
    return run


def _open_runs(*, skip_locked: bool) -> QuerySet[ReportRun]:
    return (
        ReportRun.objects.select_for_update(skip_locked=skip_locked, of=("self",))
        .filter(state__in=ReportRun.OPEN)
        .select_related(
            "definition__organization",
            "definition__project",
            "definition__webhook",
            "organization",
            "project",
        )
    )


def period_of(run: ReportRun) -> Period:
    """Return the period that a run was made for, whatever its definition says by now."""
    kind = {10: "day", 8: "week", 7: "month"}[len(run.period)]
    zone = run.definition.zone
    found = period_with(run.begins_at.astimezone(zone).date(), kind, zone)
    return Period(kind, run.begins_at, run.ends_at, found.first, found.last)


def _render(run: ReportRun) -> None:
    if run.state == ReportRun.State.RENDERED:
        return
    now = timezone.now()
    found = render(run.definition, period_of(run), now)
    run.html, run.charts, run.csv = found.html, found.charts, found.csv
    run.state, run.rendered_at = ReportRun.State.RENDERED, now
    run.save(update_fields=["html", "charts", "csv", "state", "rendered_at"])


def _send(run: ReportRun) -> None:
    send(run)
    run.state, run.sent_at, run.error = ReportRun.State.SENT, timezone.now(), ""
    run.save(update_fields=["state", "sent_at", "error"])


def _put_off(claimed: ReportRun, error: str) -> None:
    """Write down what went wrong; after enough attempts the report has failed."""
    state = {} if claimed.attempts < MAX_ATTEMPTS else {"state": ReportRun.State.FAILED}
    ReportRun.objects.filter(
        pk=claimed.pk, attempts=claimed.attempts, state__in=ReportRun.OPEN
    ).update(error=truncatechars(error, 500), **state)


def clear_old() -> int:
    """Delete reports beyond REPORT_RETENTION_DAYS (0: none); return how many."""
    days = settings.REPORT_RETENTION_DAYS
    if days <= 0:
        return 0
    oldest = timezone.now() - timedelta(days=max(days, _LEAST_KEPT_DAYS))
    return delete_in_batches(ReportRun.objects.filter(ends_at__lt=oldest))


def _wait(attempts: int) -> timedelta:
    times: int = 4 ** (attempts - 1)
    return _FIRST_WAIT * times
