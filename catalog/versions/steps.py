"""What going back has to do to each row, and what cannot be done and why."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db.models import ForeignKey, Model

from catalog.versions.difference import CHANGE, CREATE, DEACTIVATE, DELETE, KEEP
from catalog.versions.history import recorded_fields, rows_at, rows_now, touched_since
from catalog.versions.kinds import RESTORED, Restored
from catalog.versions.listing import Version

_GONE = "its secret is in no history: enter it anew"


@dataclass(slots=True)
class Step:
    """One row on its way back: as it is now, as it was, and the fields that change."""

    kind: Restored
    action: str
    now: Model | None
    was: Model | None
    names: list[str] = field(default_factory=list)
    why: str = ""

    @property
    def row(self) -> Any:
        return self.was if self.was is not None else self.now


def steps_to(version: Version) -> list[Step]:
    """Return a step for each row that is not what it was."""
    steps: list[Step] = []
    gone: set[tuple[type[Model], Any]] = set()
    for label, kind in RESTORED.items():
        ids = touched_since(label, version)
        was, now = rows_at(label, version, ids), rows_now(label, ids)
        for key in sorted({*was, *now}, key=str):
            for step in _steps(kind, now.get(key), was.get(key)):
                _check_parents(step, gone)
                if step.action == KEEP and step.now is None:
                    gone.add((kind.model, key))
                steps.append(step)
    return steps


def _steps(kind: Restored, now: Any, was: Any) -> Iterator[Step]:
    if was is None:
        yield _without(kind, now)
    elif now is None:
        if kind.had_secret is not None and kind.had_secret(was):
            yield Step(kind, KEEP, None, was, why=f"not brought back: {_GONE}")
        else:
            yield Step(kind, CREATE, None, was, recorded_fields(kind.label))
    else:
        yield from _changed(kind, now, was)


def _without(kind: Restored, now: Any) -> Step:
    """Return what becomes of a row that was not there."""
    if kind.has_secret(now):
        why = "it holds a secret, which nobody could bring back"
    elif kind.is_lasting:
        why = "its usage keeps its name"
    else:
        return Step(kind, DELETE, now, None, recorded_fields(kind.label))
    if now.active:
        return Step(kind, DEACTIVATE, now, None, ["active"], why)
    return Step(kind, KEEP, now, None, why=f"stays, switched off: {why}")


def _changed(kind: Restored, now: Any, was: Any) -> Iterator[Step]:
    names = [
        name
        for name in recorded_fields(kind.label)
        if name not in kind.kept and getattr(now, name) != getattr(was, name)
    ]
    bound = [name for name in names if name in kind.bound]
    if bound and kind.had_secret is not None:
        if kind.has_secret(now):
            why = "bound to the secret that it has now"
        elif kind.had_secret(was):
            why = _GONE
        else:
            bound, why = [], ""
        if bound:
            names = [name for name in names if name not in bound]
            yield Step(kind, KEEP, now, was, bound, f"stays: {why}")
    if names:
        yield Step(kind, CHANGE, now, was, names)


def _check_parents(step: Step, gone: set[tuple[type[Model], Any]]) -> None:
    """Keep a row as it is that would refer to one that is not brought back."""
    if step.action not in {CREATE, CHANGE}:
        return
    for column in step.row._meta.concrete_fields:
        if column.attname not in step.names or not isinstance(column, ForeignKey):
            continue
        key = getattr(step.was, column.attname)
        if key is None:
            continue
        parent: Any = column.related_model
        is_restored = parent._meta.label_lower in RESTORED
        if (parent, key) in gone or (
            not is_restored and not parent._base_manager.filter(pk=key).exists()
        ):
            step.action = KEEP
            step.why = f"the {column.verbose_name} that it was for is gone"
            return
