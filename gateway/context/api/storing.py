"""Storing entries: sealed before they leave the process, all of them or none."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Count
from django.utils import timezone
from rest_framework.exceptions import ValidationError

from gateway.context.api.parsing import NewEntry
from gateway.context.wording import tokens_of
from tenants.context.sealing import key_of, open_content, seal_content
from tenants.models import ContextEntry, EndUser, Project
from tenants.models.context_entry import new_id

MAX_PER_USER = 20_000
_WRITTEN = [
    "occurred_at",
    "expires_at",
    "tokens",
    "sealed",
    "embedded_with",
    "updated_at",
]

Source = tuple[int, str, str]


def store(
    project: Project, entries: Sequence[NewEntry]
) -> list[tuple[ContextEntry, bool]]:
    """Write the entries; return each row in their order, and whether it is new.

    One with the user, kind and source id of an earlier one takes its place. Raises
    `ValidationError` where a user would have too many.
    """
    with transaction.atomic():
        users = _users(project, {entry.user_id for entry in entries})
        keys = {user_id: key_of(user) for user_id, user in users.items()}
        known = _known(users.values(), entries)
        found: list[tuple[ContextEntry, bool]] = []
        for entry in entries:
            user = users[entry.user_id]
            source = (user.pk, entry.kind, entry.source_id or "")
            old = known.get(source) if entry.source_id else None
            row_id = new_id() if old is None else old[0]
            row = _row(entry, project, user, keys[entry.user_id], row_id)
            if old is not None:
                row.created_at = old[1]
            found.append((row, old is None))
        _check_room(users, found)
        ContextEntry.objects.bulk_create([row for row, is_new in found if is_new])
        ContextEntry.objects.bulk_create(
            [row for row, is_new in found if not is_new],
            update_conflicts=True,
            unique_fields=["id"],
            update_fields=_WRITTEN,
        )
    return found


def change(row: ContextEntry, changes: dict[str, Any]) -> None:
    """Write an entry anew that is locked by its user's row."""
    for name in ("kind", "occurred_at", "expires_at"):
        if name in changes:
            setattr(row, name, changes[name])
    if "content" in changes:
        content, user = changes["content"], row.end_user
        row.tokens = tokens_of(content)
        row.embedded_with = ""
        row.sealed = seal_content(
            content, key_of(user), row.project_id, user.pk, row.pk
        )
    row.updated_at = timezone.now()
    row.validate_constraints()
    row.save()


def contents_of(rows: Iterable[ContextEntry]) -> dict[UUID, object]:
    """Return what rows of one end user say, by id. Raises `Unsealable`."""
    found: dict[UUID, object] = {}
    key: bytes | None = None
    for row in rows:
        key = key or key_of(row.end_user)
        found[row.pk] = open_content(
            bytes(row.sealed), key, row.project_id, row.end_user_id, row.pk
        )
    return found


def locked_user(user: EndUser) -> EndUser:
    """Hold the user against others who write, and against erasure, until the end."""
    rows = EndUser.objects.select_for_update(of=("self",), no_key=True)
    found: EndUser = rows.get(pk=user.pk)
    return found


def _users(project: Project, ids: set[str]) -> dict[str, EndUser]:
    """Return the users, made where they are new, and locked in one order."""
    theirs = EndUser.objects.for_project(project).filter(external_id__in=ids)
    known = set(theirs.values_list("external_id", flat=True))
    EndUser.objects.bulk_create(
        [EndUser(project=project, external_id=each) for each in sorted(ids - known)],
        ignore_conflicts=True,
    )
    locked = theirs.select_for_update(of=("self",), no_key=True).order_by("pk")
    return {user.external_id: user for user in locked}


def _known(
    users: Iterable[EndUser], entries: Sequence[NewEntry]
) -> dict[Source, tuple[UUID, datetime]]:
    """Return those that are there already, with their ids and since when."""
    sources = {entry.source_id for entry in entries if entry.source_id}
    if not sources:
        return {}
    rows = ContextEntry.objects.filter(end_user__in=list(users), source_id__in=sources)
    return {
        (user_pk, kind, source_id): (pk, created_at)
        for user_pk, kind, source_id, pk, created_at in rows.order_by().values_list(
            "end_user_id", "kind", "source_id", "id", "created_at"
        )
    }


def _row(
    entry: NewEntry, project: Project, user: EndUser, key: bytes, row_id: UUID
) -> ContextEntry:
    return ContextEntry(
        id=row_id,
        project=project,
        end_user=user,
        kind=entry.kind,
        source_id=entry.source_id,
        occurred_at=entry.occurred_at,
        expires_at=entry.expires_at,
        tokens=tokens_of(entry.content),
        sealed=seal_content(entry.content, key, project.pk, user.pk, row_id),
    )


def _check_room(
    users: dict[str, EndUser], found: Sequence[tuple[ContextEntry, bool]]
) -> None:
    added = Counter(row.end_user_id for row, is_new in found if is_new)
    rows = ContextEntry.objects.filter(end_user_id__in=list(added)).order_by()
    held = dict(rows.values_list("end_user_id").annotate(Count("pk")))
    for user_id, user in users.items():
        if held.get(user.pk, 0) + added[user.pk] > MAX_PER_USER:
            msg = (
                f"{user_id} would have more than {MAX_PER_USER:,} entries; delete some, "
                "or let them expire."
            )
            raise ValidationError({"userId": [msg]})
