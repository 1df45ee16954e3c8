"""The versions that there are: when each was made, by whom, and of what."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Max
from django.utils import timezone

from tenants.audit_entries import Entry
from tenants.audit_trail import entries, page_of
from tenants.models import ConfigChange

PAGE = 30
# Of what a version changed, so much is shown in the list.
_SHOWN_CHANGES = 200


@dataclass(frozen=True, slots=True)
class Version:
    """A transaction that changed the configuration."""

    number: int
    at: datetime
    transaction_at: datetime
    entries: tuple[Entry, ...] = ()

    @property
    def actors(self) -> list[str]:
        return sorted({entry.actor for entry in self.entries})


class NoVersion(Exception):
    """There is no such version, or its record is gone."""


def version(number: int) -> Version:
    """Return the version that a change belongs to. Raises `NoVersion`."""
    change = ConfigChange.objects.filter(pk=number).first()
    if change is None:
        msg = f"There is no version {number}; it may be too old to be kept."
        raise NoVersion(msg)
    found = _versions(transaction_at=change.transaction_at)[0]
    days = settings.AUDIT_RETENTION_DAYS
    if days and found.at < timezone.now() - timedelta(days=days):
        msg = f"What the configuration was at version {number} is no longer kept."
        raise NoVersion(msg)
    return found


def newest() -> Version | None:
    change = ConfigChange.objects.order_by("-id").first()
    return None if change is None else version(change.pk)


def versions(*, before: int | None = None, size: int = PAGE) -> list[Version]:
    """Return versions with what each changed, newest first."""
    found = _versions(before=before, size=size)
    moments = [each.transaction_at for each in found]
    if not moments:
        return []
    sources = [rows.filter(pgh_created_at__in=moments) for rows in entries()]
    page, _ = page_of(sources, size=_SHOWN_CHANGES)
    of: dict[datetime, list[Entry]] = {}
    for entry in page:
        of.setdefault(entry.at, []).append(entry)
    return [
        Version(
            each.number,
            each.at,
            each.transaction_at,
            tuple(reversed(of.get(each.transaction_at, []))),
        )
        for each in found
    ]


def _versions(
    *, before: int | None = None, size: int = 1, **conditions: Any
) -> list[Version]:
    rows = (
        ConfigChange.objects.filter(**conditions)
        .values("transaction_at")
        .annotate(number=Max("id"), at=Max("changed_at"))
        .order_by("-number")
    )
    if before is not None:
        rows = rows.filter(number__lt=before)
    return [
        Version(row["number"], row["at"], row["transaction_at"]) for row in rows[:size]
    ]
