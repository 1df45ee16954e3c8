"""How rows differ between two versions, or between a version and now."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Model

from catalog.versions.history import (
    Rows,
    recorded_fields,
    rows_at,
    rows_now,
    touched_since,
)
from catalog.versions.kinds import event_models
from catalog.versions.listing import Version
from tenants.audit_entries import Change
from tenants.row_texts import Texts

CREATE, CHANGE, DEACTIVATE, DELETE, KEEP = (
    "create",
    "change",
    "deactivate",
    "delete",
    "keep",
)


@dataclass(frozen=True, slots=True)
class RowChange:
    """What becomes of one row; `why` says what a reader would not expect."""

    label: str
    object_id: str
    kind: str
    name: str
    action: str
    changes: tuple[Change, ...] = ()
    why: str = ""


def compare(before: Version, after: Version | None) -> list[RowChange]:
    """Return what changed from one version to another; None: to now."""
    earlier = before if after is None else min(before, after, key=lambda v: v.number)
    found: list[RowChange] = []
    texts = Texts()
    for label in event_models():
        ids = touched_since(label, earlier)
        if not ids:
            continue
        then = rows_at(label, before, ids)
        later = rows_now(label, ids) if after is None else rows_at(label, after, ids)
        found += _between(label, then, later, texts)
    return found


def _between(label: str, then: Rows, later: Rows, texts: Texts) -> Iterable[RowChange]:
    for key in sorted({*then, *later}, key=str):
        old, new = then.get(key), later.get(key)
        names = differing(label, old, new)
        if old is None:
            action = CREATE
        elif new is None:
            action = DELETE
        elif names:
            action = CHANGE
        else:
            continue
        yield row_change(action, old, new, names, texts)


def differing(label: str, old: Model | None, new: Model | None) -> list[str]:
    """Return the recorded columns in which they differ; of a single row, all."""
    names = recorded_fields(label)
    if old is None or new is None:
        return names
    return [name for name in names if getattr(old, name) != getattr(new, name)]


def row_change(
    action: str,
    old: Model | None,
    new: Model | None,
    names: Iterable[str],
    texts: Texts,
    why: str = "",
) -> RowChange:
    row: Any = new if new is not None else old
    return RowChange(
        label=row._meta.label_lower,
        object_id=str(row.pk),
        kind=str(row._meta.verbose_name),
        name=texts.name(row),
        action=action,
        changes=tuple(_changes(old, new, set(names), texts)),
        why=why,
    )


def _changes(
    old: Model | None, new: Model | None, names: set[str], texts: Texts
) -> Iterable[Change]:
    row: Any = new if new is not None else old
    for column in row._meta.concrete_fields:
        if column.attname not in names:
            continue
        before = (
            "" if old is None else texts.value(column, getattr(old, column.attname))
        )
        after = "" if new is None else texts.value(column, getattr(new, column.attname))
        if before != after:
            yield Change(str(column.verbose_name), before, after)
