"""Whether a row could be deleted without taking along what is no part of it."""

from collections.abc import Sequence
from typing import Any

from django.db import DEFAULT_DB_ALIAS
from django.db.models import Model, QuerySet
from django.db.models.deletion import Collector, ProtectedError, RestrictedError

from catalog.versions.kinds import EXPENDABLE


def use_of(rows: Sequence[Model]) -> str:
    """Return what belongs to rows of a kind or refers to them.

    Empty: nothing that matters.
    """
    collector = Collector(using=DEFAULT_DB_ALIAS)
    try:
        collector.collect(rows)
    except ProtectedError as error:
        return _said(next(iter(error.protected_objects)))
    except RestrictedError as error:
        return _said(next(iter(error.restricted_objects)))
    taken: list[Any] = [*collector.data.values(), *collector.fast_deletes]
    for updated in collector.field_updates.values():
        taken += updated
    for found in taken:
        # A query that nothing need be read of, or rows.
        if isinstance(found, QuerySet):
            if found.model._meta.label_lower in EXPENDABLE:
                continue
            found = found[:1]
        for other in found:
            is_one = isinstance(other, type(rows[0])) and other in rows
            if not is_one and other._meta.label_lower not in EXPENDABLE:
                return _said(other)
    return ""


def _said(row: Any) -> str:
    return f"a {row._meta.verbose_name} refers to it"
