"""Goes back to a version: one transaction, all or nothing.

The preview is worked out by going back in a transaction that is taken back, so that it
and what is done cannot disagree.
"""

import hashlib
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

import pghistory
from django.db import (
    DEFAULT_DB_ALIAS,
    IntegrityError,
    OperationalError,
    connection,
    transaction,
)
from django.db.models import QuerySet

from catalog.bundle.applying import lock_configuration
from catalog.versions.difference import (
    CHANGE,
    CREATE,
    DEACTIVATE,
    DELETE,
    KEEP,
    RowChange,
    row_change,
)
from catalog.versions.kinds import RESTORED
from catalog.versions.listing import Version
from catalog.versions.removal import use_of
from catalog.versions.soundness import Soundness
from catalog.versions.steps import Step, steps_to
from tenants.audit_entries import Change
from tenants.row_texts import Texts, name_of

_LOCK_WAIT = "5s"
_BATCH = 500


class RollbackRefused(Exception):
    """Nothing was changed; the message says why."""


@dataclass(slots=True)
class Rollback:
    """What going back does, or would do."""

    version: Version
    changes: list[RowChange] = field(default_factory=list)
    # What stays although it was otherwise.
    kept: list[RowChange] = field(default_factory=list)
    mistakes: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def digest(self) -> str:
        """Tell this rollback from another one that was shown before."""
        return hashlib.sha256(repr(self.changes).encode()).hexdigest()

    def summary(self) -> str:
        counts = [
            (CREATE, "made again"),
            (CHANGE, "changed"),
            (DEACTIVATE, "switched off"),
            (DELETE, "deleted"),
        ]
        said = (
            f"{sum(change.action == action for change in self.changes)} {words}"
            for action, words in counts
        )
        return ", ".join(said)


def preview(version: Version) -> Rollback:
    """Return what going back would do, and change nothing."""
    with transaction.atomic():
        found = _go_back(version)
        transaction.set_rollback(True)
    return found


def roll_back(version: Version, *, shown: str) -> Rollback:
    """Go back to the version. Raises `RollbackRefused`.

    `shown` is the digest of the preview: nothing else is done than what was shown.
    """
    with pghistory.context(rolled_back_to=version.number), transaction.atomic():
        found = _go_back(version)
        if found.mistakes:
            raise RollbackRefused(" ".join(found.mistakes))
        if found.digest != shown:
            msg = "The configuration has changed meanwhile; look at the preview again."
            raise RollbackRefused(msg)
    return found


def _go_back(version: Version) -> Rollback:
    _hold_configuration()
    steps = steps_to(version)
    found = Rollback(version)
    soundness = Soundness(steps)
    stuck = _take(steps)
    texts = Texts()
    for step in steps:
        made = row_change(step.action, step.now, step.was, step.names, texts, step.why)
        if step.action == DEACTIVATE:
            made = replace(made, changes=(Change("active", "True", "False"),))
        (found.kept if step.action == KEEP else found.changes).append(made)
    found.mistakes = stuck
    if not stuck:
        found.mistakes, found.notes = soundness.check(steps)
    return found


def _hold_configuration() -> None:
    """Let nobody else change these rows until the transaction ends."""
    lock_configuration()
    tables = ", ".join(
        connection.ops.quote_name(kind.model._meta.db_table)
        for kind in RESTORED.values()
    )
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL lock_timeout = '{_LOCK_WAIT}'")
        try:
            cursor.execute(f"LOCK TABLE {tables} IN SHARE ROW EXCLUSIVE MODE")
        except OperationalError as error:
            msg = "Somebody else is changing the configuration; try again in a moment."
            raise RollbackRefused(msg) from error
        cursor.execute("SET LOCAL lock_timeout = 0")


def _take(steps: list[Step]) -> list[str]:
    """Take the steps in whichever order works; return what none does for.

    A row may be in the way of another one until its own turn: the one that has its name,
    or the one that still refers to it.
    """
    pending = [step for step in reversed(steps) if step.action == DELETE]
    pending += [step for step in steps if step.action in {CHANGE, DEACTIVATE}]
    pending += [step for step in steps if step.action == CREATE]
    while pending:
        left = [step for group in _groups(pending) for step in _try_all(group)]
        if len(left) == len(pending) and not _give_up_deleting(left):
            return [_why_stuck(step) for step in left]
        pending = [step for step in left if step.action != KEEP]
    try:
        connection.check_constraints()
    except IntegrityError as error:
        return [f"The rows do not fit together: {_first_line(error)}."]
    return []


def _groups(steps: list[Step]) -> list[list[Step]]:
    """Return what may be done in one statement together, in the order given."""
    return [
        list(group) for _, group in groupby(steps, lambda s: (s.action, s.kind.label))
    ]


def _try_all(group: list[Step]) -> list[Step]:
    """Take the steps together, else one by one; return those that cannot be taken."""
    if len(group) > 1 and _try(group):
        return []
    return [step for step in group if not _try([step])]


def _try(group: list[Step]) -> bool:
    first = group[0]
    manager = first.kind.model._base_manager
    rows = manager.filter(pk__in=[step.row.pk for step in group])
    try:
        with transaction.atomic():
            match first.action:
                case "delete":
                    first.why = use_of([step.row for step in group])
                    if first.why:
                        return False
                    rows.delete()
                case "create":
                    # As they were, the moment they were made at included.
                    manager._insert(  # type: ignore[attr-defined]  # noqa: SLF001
                        [step.was for step in group],
                        fields=first.row._meta.concrete_fields,
                        raw=True,
                        using=DEFAULT_DB_ALIAS,
                    )
                case "deactivate":
                    rows.update(active=False)
                case _:
                    _write(group, rows)
    except IntegrityError as error:
        first.why = _first_line(error)
        return False
    return True


def _write(group: list[Step], rows: QuerySet[Any]) -> None:
    found = rows.in_bulk()
    for step in group:
        for name in step.names:
            setattr(found[step.row.pk], name, getattr(step.was, name))
    names = sorted({name for step in group for name in step.names})
    rows.model._base_manager.bulk_update(found.values(), names, batch_size=_BATCH)


def _give_up_deleting(left: list[Step]) -> bool:
    """Switch off what cannot be deleted, from now on; tell whether there was any."""
    found = [step for step in left if step.action == DELETE]
    for step in found:
        step.action = DEACTIVATE if step.row.active else KEEP
        step.names = ["active"]
    return bool(found)


def _first_line(error: IntegrityError) -> str:
    return str(error).partition("\n")[0]


def _why_stuck(step: Step) -> str:
    kind = step.kind.model._meta.verbose_name
    return (
        f"{str(kind).capitalize()} {name_of(step.row)} cannot be as it was: {step.why}."
    )
