"""What applying a bundle changes, row by row and field by field."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from catalog.bundle.mistakes import Mistake
from catalog.bundle.units import Key, label_of
from catalog.bundle.values import plain

_MAX_SHOWN = 100


class Action(StrEnum):
    CREATE = "create"
    CHANGE = "change"
    DEACTIVATE = "deactivate"
    DELETE = "delete"


_SIGNS = {
    Action.CREATE: "+",
    Action.CHANGE: "~",
    Action.DEACTIVATE: "!",
    Action.DELETE: "-",
}


@dataclass(frozen=True, slots=True)
class Difference:
    """A field before and after; a new row has no before."""

    name: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Change:
    action: Action
    kind: str
    key: Key
    differences: tuple[Difference, ...] = ()
    why: str = ""

    def __str__(self) -> str:
        why = f" ({self.why})" if self.why else ""
        return f"{_SIGNS[self.action]} {label_of(self.kind, self.key)}{why}"


@dataclass(slots=True)
class Plan:
    """All changes in the order in which they are made, and how much stays as it is."""

    changes: list[Change] = field(default_factory=list)
    unchanged: int = 0
    notes: tuple[Mistake, ...] = ()

    @property
    def is_empty(self) -> bool:
        return not self.changes

    def count(self, *actions: Action) -> int:
        return sum(change.action in actions for change in self.changes)

    def summary(self) -> str:
        removed = self.count(Action.DELETE, Action.DEACTIVATE)
        return (
            f"{self.count(Action.CREATE)} created, "
            f"{self.count(Action.CHANGE)} changed, "
            f"{removed} removed, {self.unchanged} unchanged"
        )

    def lines(self) -> Iterator[str]:
        """Yield the plan as people read it."""
        for change in self.changes:
            yield str(change)
            for difference in change.differences:
                if change.action is Action.CREATE:
                    yield f"    {difference.name}: {_shown(difference.after)}"
                else:
                    before, after = _shown(difference.before), _shown(difference.after)
                    yield f"    {difference.name}: {before} → {after}"
        yield self.summary()


def _shown(value: Any) -> str:
    written = plain(value)
    text = "null" if written is None else str(written) or '""'
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}…"
