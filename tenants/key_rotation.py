"""Wrapping data keys anew under the newest key-encryption key, while everything runs.

What data keys have sealed stays as it is, so nothing that is served notices. Each row is
compared and set by itself: the work may be broken off, repeated, and done by several.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass

from django.conf import settings
from django.db.models import Count

from tenants.encryption import Unsealable, wrap_anew
from tenants.models import DataKey

logger = logging.getLogger(__name__)

_AT_ONCE = 500


@dataclass(slots=True)
class Rotation:
    """How far it is: data keys wrapped anew, and those that do not open."""

    newest: str
    rotated: int = 0
    unreadable: int = 0


def rotate(batch: int = _AT_ONCE) -> Rotation:
    """Wrap every data key under the newest key-encryption key."""
    done = Rotation(newest_id())
    for row in _rows_under_others(done.newest, batch):
        try:
            wrapped = wrap_anew(row)
        except Unsealable as error:
            done.unreadable += 1
            logger.warning("data key does not open", extra={"reason": str(error)})
            continue
        # Another rotation may have been here first; both wrap the same key.
        done.rotated += DataKey.objects.filter(pk=row.pk, kek_id=row.kek_id).update(
            kek_id=done.newest, wrapped=wrapped
        )
    return done


def newest_id() -> str:
    keks: dict[str, bytes] = settings.SIGNALBOX_KEKS
    return next(iter(keks))


def keks_in_use() -> dict[str, int]:
    """Return how many data keys each key-encryption key wraps: what may not be removed."""
    rows = DataKey.objects.values_list("kek_id").order_by("kek_id")
    return dict(rows.annotate(Count("pk")))


def _rows_under_others(newest: str, batch: int) -> Iterator[DataKey]:
    last = 0
    while True:
        rows = list(
            DataKey.objects.filter(pk__gt=last)
            .exclude(kek_id=newest)
            .order_by("pk")[:batch]
        )
        if not rows:
            return
        yield from rows
        last = rows[-1].pk
