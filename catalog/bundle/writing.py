"""Writes the rows that a bundle asks for, as far as they differ."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import DatabaseError, models, transaction
from django.db.models.fields.related_descriptors import ForwardManyToOneDescriptor

from catalog.bundle.catalog_kinds import model_key
from catalog.bundle.kind import Kind
from catalog.bundle.kinds import KINDS
from catalog.bundle.mistakes import Report
from catalog.bundle.plan import Action, Change, Difference, Plan
from catalog.bundle.references import parents_of
from catalog.bundle.state import State
from catalog.bundle.units import Key, Unit, Wanted, label_of
from catalog.bundle.values import plain, same

# Kinds of which a catalog has so many that they are not written one by one.
_MANY = frozenset({"endpoint", "model", "price"})


def write_kind(
    name: str, wanted: Wanted, state: State, report: Report, plan: Plan
) -> None:
    """Create and change the rows of one kind; mistakes are reported, not raised."""
    units = wanted.of(name)
    if name in _MANY:
        units = _create_together(units, state, plan)
    for unit in _successors_first(units) if name == "model" else units:
        _write(unit, state, report, plan)


def _create_together(units: list[Unit], state: State, plan: Plan) -> list[Unit]:
    """Create the rows that are new in a few statements; return the units that are left.

    A catalog has thousands of them. When one is not valid, all are left, to be written
    and judged one by one.
    """
    new = [u for u in units if not u.bad and not state.has(u.kind, u.key)]
    created: dict[Key, Unit] = {}
    try:
        with transaction.atomic():
            # Each wave refers only to what is there.
            while wave := [
                unit
                for unit in new
                if unit.key not in created
                and all(state.has(kind, key) for kind, key in parents_of(unit))
            ]:
                rows = [_new_row(unit, state) for unit in wave]
                type(rows[0])._default_manager.bulk_create(rows, batch_size=500)
                for unit, row in zip(wave, rows, strict=True):
                    state.put(unit.kind, unit.key, row)
                    created[unit.key] = unit
    except (ValidationError, DatabaseError):
        for unit in created.values():
            state.forget(unit.kind, unit.key)
        return units
    for unit in created.values():
        changes = _contents(unit)
        plan.changes.append(Change(Action.CREATE, unit.kind, unit.key, changes))
    return [unit for unit in units if unit.key not in created]


def _new_row(unit: Unit, state: State) -> Any:
    """Return a row that is not saved; raise ValidationError when it is not valid."""
    kind = KINDS[unit.kind]
    row = kind.new(unit.key)
    kind.fill(row, unit.values)
    _attach(row, kind, unit, state)
    row.clean_fields(exclude=_relations(row))
    row.clean()
    return row


def _write(unit: Unit, state: State, report: Report, plan: Plan) -> None:
    kind = KINDS[unit.kind]
    row = None if unit.bad else state.get(unit.kind, unit.key)
    if row is not None:
        differences = _differences(kind, row, unit)
        if not differences:
            plan.unchanged += 1
            return
        if unit.kind == "price":
            _refuse_other_price(unit, differences, report)
            return
        change = Change(Action.CHANGE, unit.kind, unit.key, differences)
    else:
        row = kind.new(unit.key)
        change = Change(Action.CREATE, unit.kind, unit.key, _contents(unit))
    kind.fill(row, _readable(unit))
    _attach(row, kind, unit, state)
    if _is_valid(row, kind, unit, report) and _save(row, unit, report):
        state.put(unit.kind, unit.key, row)
        plan.changes.append(change)


def _differences(kind: Kind, row: Any, unit: Unit) -> tuple[Difference, ...]:
    before = kind.values(row)
    return tuple(
        Difference(name, before[name], after)
        for name, after in unit.values.items()
        if name in before and not same(before[name], after)
    )


def _contents(unit: Unit) -> tuple[Difference, ...]:
    return tuple(
        Difference(name, None, value)
        for name, value in unit.values.items()
        if value not in (None, "", [], {}) and not _names(unit.key, value)
    )


def _names(key: Key, value: Any) -> bool:
    """Say whether a key holds the value; 1 and true are two."""
    return any(part == value and type(part) is type(value) for part in key)


def _refuse_other_price(
    unit: Unit, differences: tuple[Difference, ...], report: Report
) -> None:
    since = plain(unit.key[-1])
    for difference in differences:
        report.add(
            f"{unit.path}.{difference.name}",
            f"is {plain(difference.before)} from {since} on, and prices are never "
            "edited, for that would re-price the past; add one with a later valid_from",
        )


def _readable(unit: Unit) -> dict[str, Any]:
    return {n: v for n, v in unit.values.items() if n not in unit.bad}


def _attach(row: models.Model, kind: Kind, unit: Unit, state: State) -> None:
    """Set what the row refers to; without one of them the row counts as bad."""
    is_complete = True
    for parent in kind.parents(unit.key, unit.values):
        found = None if unit.bad else state.get(parent.kind, parent.key)
        if found is None:
            is_complete = False
        else:
            setattr(row, parent.column, found)
    if not is_complete:
        unit.bad.add("")


def _is_valid(row: models.Model, kind: Kind, unit: Unit, report: Report) -> bool:
    """Check all that can be checked of the row, even when it will not be written."""
    labels = dict(kind.labels)
    try:
        if not unit.bad:
            # That there is what it refers to is known.
            row.clean_fields(exclude=_relations(row))
            row.clean()
            row.validate_unique()
            row.validate_constraints()
            return True
        left_out = _unreadable(row, labels, unit)
        try:
            row.clean_fields(exclude=left_out)
        except ValidationError as error:
            report.add_invalid(unit.path, error, labels)
            left_out |= error.error_dict.keys()
        row.validate_constraints(exclude=left_out)
    except ValidationError as error:
        report.add_invalid(unit.path, error, labels)
    return False


def _unreadable(row: models.Model, labels: dict[str, str], unit: Unit) -> set[str]:
    columns = {name for name, label in labels.items() if label in unit.bad}
    return unit.bad | columns | _relations(row)


def _relations(row: models.Model) -> set[str]:
    return {
        name
        for name, attribute in vars(type(row)).items()
        if isinstance(attribute, ForwardManyToOneDescriptor)
    }


def _save(row: models.Model, unit: Unit, report: Report) -> bool:
    try:
        with transaction.atomic():
            row.save()
    except DatabaseError as error:
        reason = str(error).partition("\n")[0]
        report.add(
            unit.path, f"{label_of(unit.kind, unit.key)} cannot be saved: {reason}"
        )
        return False
    return True


def _successors_first(units: list[Unit]) -> list[Unit]:
    """Order models so that a successor is written before what it succeeds."""
    by_key = {unit.key: unit for unit in units}
    ordered: dict[int, Unit] = {}

    for unit in units:
        chain: list[Unit] = []
        current: Unit | None = unit
        while (
            current is not None and id(current) not in ordered and current not in chain
        ):
            chain.append(current)
            successor = current.values.get("successor")
            current = by_key.get(model_key(successor)) if successor else None
        for link in reversed(chain):
            ordered[id(link)] = link
    return list(ordered.values())
