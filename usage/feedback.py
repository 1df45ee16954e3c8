"""What people think of answers: kept once for each request and end user."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from tenants.encryption import Place, data_key_by_project_id, seal_bytes, unseal_bytes
from tenants.models import Project
from tenants.redaction import redacted
from usage.models import Feedback, UsageEvent

MAX_COMMENT = 4_000
# One request is not talked about by more people than that.
MAX_END_USERS = 100
# Events are written under the moment their attempt began; the id tells when that was.
_BEFORE = timedelta(minutes=1)
_AFTER = timedelta(days=1)
# What was answered so lately may not be in the table yet.
_FRESH = timedelta(seconds=30)
_UUID7 = 7


class RequestUnknown(Exception):
    """The project has no such request; `may_come` if that is only not known yet."""

    def __init__(self, *, may_come: bool) -> None:
        super().__init__("No request of this project has that id.")
        self.may_come = may_come


class TooMany(Exception):
    """More end users than a request can have."""


def note_feedback(
    project: Project, request_id: UUID, end_user: str, score: float, comment: str
) -> Feedback:
    """Keep what an end user thinks of an answer, in place of what they said before.

    Raises `RequestUnknown` and `TooMany`. A comment is kept where the project captures
    texts, for as long as those.
    """
    event = _event_of(project, request_id)
    with transaction.atomic():
        # Two words of the same end user at once come one after the other.
        Project.objects.select_for_update(no_key=True).only("pk").get(pk=project.pk)
        known = Feedback.objects.for_project(project).filter(request_id=request_id)
        row = known.filter(end_user=end_user).first()
        if row is None:
            if known.count() >= MAX_END_USERS:
                raise TooMany
            row = Feedback(project=project, request_id=request_id, end_user=end_user)
        row.score = score
        row.operation, row.alias = event.operation, event.alias
        row.provider, row.model = event.provider, event.model
        row.feature, row.occurred_at = event.feature, event.occurred_at
        row.sealed, row.expires_at = None, None
        if comment and project.capture:
            text = redacted(comment, project.capture_redactions)
            key = data_key_by_project_id(project.pk)
            row.sealed = seal_bytes(text.encode(), key, _place(row))
            row.expires_at = timezone.now() + timedelta(
                days=project.capture_retention_days
            )
        row.save()
    return row


def comment_of(row: Feedback) -> str:
    """Return what was said; empty without. Raises `Unsealable`."""
    if row.sealed is None:
        return ""
    key = data_key_by_project_id(row.project_id)
    return unseal_bytes(bytes(row.sealed), key, _place(row)).decode()


def forget(project: Project, end_user: str | None = None) -> int:
    """Delete what the project's end users said, or one of them; return how many rows."""
    rows = Feedback.objects.for_project(project)
    if end_user is not None:
        rows = rows.filter(end_user=end_user)
    deleted: int = rows.delete()[0]
    return deleted


def clear_comments() -> int:
    """Forget comments that were kept long enough; scores stay."""
    expired = Feedback.objects.filter(expires_at__lte=timezone.now())
    return expired.update(sealed=None, expires_at=None)


def _event_of(project: Project, request_id: UUID) -> UsageEvent:
    """Return the event of the attempt that answered, or else of the last one."""
    if request_id.version != _UUID7:
        raise RequestUnknown(may_come=False)
    try:
        moment = datetime.fromtimestamp((request_id.int >> 80) / 1000, UTC)
        around = (moment - _BEFORE, moment + _AFTER)
    except (OverflowError, ValueError) as error:
        raise RequestUnknown(may_come=False) from error
    # The partitions of a day or two, and the index of request ids in each.
    events: list[UsageEvent] = list(
        UsageEvent.objects.for_project(project)
        .filter(request_id=request_id, occurred_at__range=around)
        .exclude(kind=UsageEvent.Kind.ADJUSTMENT)
        .order_by("-attempt")[:20]
    )
    if not events:
        raise RequestUnknown(may_come=abs(timezone.now() - moment) < _FRESH)
    return next(
        (event for event in events if event.status == UsageEvent.Status.OK), events[0]
    )


def _place(row: Feedback) -> Place:
    return Place("usage_feedback", str(row.pk), "sealed", str(row.project_id))
