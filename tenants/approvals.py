"""What becomes of an approval. Every step compares and sets: of many, one wins."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db.models import Q, QuerySet
from django.utils import timezone

from tenants.models import Approval, Project

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser

State = Approval.State

# Of one project; whoever floods the queue hides what is in it.
MAX_PENDING = 1_000


class TooManyPending(Exception):
    """The project has as many undecided requests as may wait."""


class AlreadyDecided(Exception):
    """Somebody else was first, or the time is over; `state` is how it stands now."""

    def __init__(self, state: str) -> None:
        super().__init__(f"This request is {state} already.")
        self.state = state


def open_approval(wanted: Approval) -> tuple[Approval, bool]:
    """Return the row that waits for, or has, a decision on the request; and if it is new.

    Raises `TooManyPending`. Asking twice for the same makes one row.
    """
    now = timezone.now()
    project = wanted.project
    if (found := _standing(project, bytes(wanted.digest), now)) is not None:
        return found, False
    if pending_of(project).count() >= MAX_PENDING:
        raise TooManyPending
    Approval.objects.bulk_create([wanted], ignore_conflicts=True)
    found = _standing(project, bytes(wanted.digest), now)
    if found is None:
        # An expired row that nobody has marked yet stood in the way.
        expire(now)
        Approval.objects.bulk_create([wanted], ignore_conflicts=True)
        found = _standing(project, bytes(wanted.digest), now)
    return (wanted, True) if found is None else (found, found.pk == wanted.pk)


def pending_of(project: Project) -> QuerySet[Approval]:
    rows: QuerySet[Approval] = Approval.objects.for_project(project)
    return rows.filter(state=State.PENDING)


def decide(
    approval_id: uuid.UUID,
    *,
    approved: bool,
    by: AbstractBaseUser,
    comment: str = "",
    lasts: timedelta,
) -> Approval:
    """Approve or reject what is pending. Raises `AlreadyDecided`, `DoesNotExist`.

    What is approved may be sent for as long as `lasts`.
    """
    now = timezone.now()
    changes = {
        "state": State.APPROVED if approved else State.REJECTED,
        "decided_at": now,
        "decided_by": by,
        "comment": comment[:500],
    }
    if approved:
        changes["expires_at"] = now + lasts
    changed = Approval.objects.filter(
        pk=approval_id, state=State.PENDING, expires_at__gt=now
    ).update(**changes)
    approval: Approval = Approval.objects.get(pk=approval_id)
    if not changed:
        raise AlreadyDecided(state_at(approval, now))
    return approval


def use(approval_id: uuid.UUID, project_id: int, digest: bytes) -> bool:
    """Take what was approved, once; False when it is not there to be taken."""
    now = timezone.now()
    return bool(
        Approval.objects.filter(
            pk=approval_id,
            project_id=project_id,
            digest=digest,
            state=State.APPROVED,
            expires_at__gt=now,
        ).update(state=State.USED, used_at=now)
    )


def give_back(approval_id: uuid.UUID) -> None:
    """Let what was taken be sent again: it did not lead to any answer."""
    Approval.objects.filter(pk=approval_id, state=State.USED).update(
        state=State.APPROVED, used_at=None
    )


def expire(now: datetime) -> int:
    """Mark what nobody decided on, or nobody sent, in time; return how many."""
    return Approval.objects.filter(
        state__in=[State.PENDING, State.APPROVED], expires_at__lte=now
    ).update(state=State.EXPIRED)


def state_at(approval: Approval, now: datetime) -> str:
    """Return how it stands, also when it expired and nobody has marked it yet."""
    waiting = approval.state in {State.PENDING, State.APPROVED}
    if waiting and approval.expires_at <= now:
        return str(State.EXPIRED.value)
    return approval.state


def _standing(project: Project, digest: bytes, now: datetime) -> Approval | None:
    rows: QuerySet[Approval] = Approval.objects.for_project(project)
    return (
        rows.filter(
            Q(state=State.PENDING) | Q(state=State.APPROVED),
            digest=digest,
            expires_at__gt=now,
        )
        .order_by("state", "-requested_at")
        .first()
    )
