"""Whether the rows hang together after going back, and each is valid by itself."""

from collections.abc import Iterator
from typing import Any

from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db.models import ForeignKey, Model

from catalog.bundle.consistency import check_consistency
from catalog.bundle.kind import Scope
from catalog.bundle.kinds import KINDS
from catalog.bundle.mistakes import Report
from catalog.bundle.plan import Action, Change, Plan
from catalog.bundle.state import State
from catalog.bundle.units import Key, Wanted
from catalog.versions.difference import CHANGE, CREATE
from catalog.versions.steps import Step
from tenants.row_texts import Texts

# What bundles call the rows that are to hang together.
_NAMES = {
    "tenants.project": "project",
    "catalog.provider": "provider",
    "catalog.aimodel": "model",
    "catalog.endpoint": "endpoint",
    "catalog.alias": "alias",
    "catalog.aliastarget": "target",
}


class Soundness:
    """Made before the steps are taken, for it has to know what the rows were called."""

    def __init__(self, steps: list[Step]) -> None:
        texts = Texts()
        rows = [step.now for step in steps if step.now is not None]
        self._touched = {found for row in rows if (found := _named(row, texts))}

    def check(self, steps: list[Step]) -> tuple[list[str], list[str]]:
        """Return mistakes, of which one is too many, and notes."""
        report = Report()
        texts = Texts()
        for row in _written(steps):
            texts.attach(row)
            try:
                # Of the rest the database has made sure.
                row.full_clean(
                    exclude=_keys_of(row),
                    validate_unique=False,
                    validate_constraints=False,
                )
            except ValidationError as error:
                where = f"{row._meta.verbose_name} {texts.name(row)}"
                report.add_invalid(where, error, {})
            if found := _named(row, texts):
                self._touched.add(found)
        if not report.mistakes:
            plan = Plan([Change(Action.CHANGE, *each) for each in self._touched])
            state = State.read(Scope(), dict.fromkeys(_NAMES.values()))
            check_consistency(Wanted(), state, plan, report)
        return list(map(str, report.mistakes)), list(map(str, report.notes))


def _written(steps: list[Step]) -> Iterator[Model]:
    """Yield the rows that were changed or made, as they now are."""
    ids: dict[type[Model], list[Any]] = {}
    for step in steps:
        if step.action in {CHANGE, CREATE}:
            ids.setdefault(step.kind.model, []).append(step.row.pk)
    for model, wanted in ids.items():
        yield from model._base_manager.filter(pk__in=wanted).order_by("pk")


def _keys_of(row: Model) -> set[str]:
    fields = row._meta.concrete_fields
    return {column.name for column in fields if isinstance(column, ForeignKey)}


def _named(row: Model, texts: Texts) -> tuple[str, Key] | None:
    name = _NAMES.get(row._meta.label_lower)
    if name is None:
        return None
    texts.attach(row)
    try:
        key: Any = KINDS[name].key(row)
    except ObjectDoesNotExist:
        return None
    return name, key
