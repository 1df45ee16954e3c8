"""A bundle as single rows: how each should look, and where the file says so."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from catalog.bundle.mistakes import Report, advice
from catalog.bundle.shapes import (
    DEFAULT_CREDENTIAL,
    REQUIRED,
    SECTIONS,
    Field,
    Shape,
)
from catalog.bundle.values import Misread, plain, shown

Key = tuple[Any, ...]
Values = dict[str, Any]


@dataclass(slots=True)
class Unit:
    """One row that the bundle asks for. `bad` are its fields that could not be read."""

    kind: str
    key: Key
    values: Values
    path: str
    bad: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Wanted:
    """All that a bundle asks for, and the lists that it contains, even empty ones."""

    units: list[Unit] = field(default_factory=list)
    sections: set[str] = field(default_factory=set)
    lists: set[tuple[str, Key]] = field(default_factory=set)

    def of(self, kind: str) -> list[Unit]:
        return [unit for unit in self.units if unit.kind == kind]

    def keys(self, kind: str) -> set[Key]:
        return {unit.key for unit in self.units if unit.kind == kind}


def read_units(document: object, report: Report) -> Wanted:
    """Read a parsed bundle into units; what is wrong with it goes to the report."""
    wanted = Wanted()
    if not isinstance(document, Mapping):
        report.add("", f"a bundle is a mapping of sections, not {shown(document)}")
        return wanted
    for name, items in document.items():
        if name not in SECTIONS:
            report.add(str(name), f"unknown section{advice(str(name), SECTIONS)}")
            continue
        shape = SECTIONS[name]
        wanted.sections.add(shape.kind)
        try:
            _read_list(items, shape, (), str(name), wanted, report)
        except RecursionError:
            report.add(str(name), "is nested too deep, or holds itself")
    _refuse_twins(wanted, report)
    return wanted


def label_of(kind: str, key: Key) -> str:
    """Name a row as messages and plans do."""
    match kind, key:
        case "alias", (project, name):
            return f"alias {_scoped(project, name)}"
        case "target", (project, name, ("model", model)):
            return f"target {_scoped(project, name)} → {model}"
        case "target", (project, name, ("via", via_project, via_name)):
            return f"target {_scoped(project, name)} → {_scoped(via_project, via_name)}"
        case "model", (provider, model_id):
            return f"model {provider}/{model_id}"
        case "price", (provider, model_id, component, start, valid_from):
            tier = f" above {start} tokens" if start else ""
            since = (
                plain(valid_from) if isinstance(valid_from, datetime) else valid_from
            )
            return f"price {provider}/{model_id} {component}{tier} from {since}"
        case "limit" | "budget", (project, first, second, *scope):
            parts = [project, first, second, *_scope_words(*scope)]
            return f"{kind} {' '.join(filter(None, parts))}"
        case "organization_budget", (organization, per, mode):
            return f"budget {organization} {per} {mode}"
        case "end_user", (project, name):
            return f"end user {project}:{name}"
        case _:
            parts = [str(part) for part in key if part not in {None, ""}]
            return f"{kind} {' '.join(parts)}"


def _scope_words(
    key: str | None, end_user: str | None, each_end_user: bool, alias: str
) -> Iterator[str]:
    if key:
        yield key
    if end_user:
        yield f"end user {end_user}"
    if each_end_user:
        yield "each end user"
    if alias:
        yield f"alias {alias}"


def _scoped(project: Any, name: Any) -> str:
    return str(name) if project is None else f"{project}:{name}"


def _read_list(
    items: object, shape: Shape, parent: Key, path: str, wanted: Wanted, report: Report
) -> None:
    if items is None:
        items = []
    if not isinstance(items, list):
        report.add(path, f"should be a list, not {shown(items)}")
        return
    for index, item in enumerate(items):
        place = f"{path}[{index}]"
        if not isinstance(item, Mapping):
            report.add(place, f"should be a mapping, not {shown(item)}")
            continue
        _read_item(item, shape, parent, place, wanted, report)


def _read_item(
    item: Mapping[str, Any],
    shape: Shape,
    parent: Key,
    path: str,
    wanted: Wanted,
    report: Report,
) -> None:
    values, bad = _read_fields(item, shape, path, report)
    key = (*parent, *(values.get(name) for name in shape.key))
    if shape.kind == "target":
        _check_one_way(values, path, bad, report)
    unit = Unit(shape.kind, key, values, path, bad)
    wanted.units.append(unit)
    if shape.kind == "provider":
        _split_credential(unit, wanted)
    for name, child in shape.children.items():
        if name in item:
            wanted.lists.add((child.kind, key))
            _read_list(item[name], child, key, f"{path}.{name}", wanted, report)
        if child.is_required and not item.get(name) and values.get("active"):
            report.add(f"{path}.{name}", "needs at least one entry")


def _read_fields(
    item: Mapping[str, Any], shape: Shape, path: str, report: Report
) -> tuple[Values, set[str]]:
    """Return the values that could be read, and the names of the others."""
    for name in item:
        if name not in shape.fields and name not in shape.children:
            report.add(f"{path}.{name}", _unknown(str(name), shape))
    values: Values = {}
    bad: set[str] = set()
    for name, declared in shape.fields.items():
        try:
            values[name] = _value(name, declared, item)
        except Misread as misread:
            bad.add(name)
            for at, message in misread.found:
                report.add(f"{path}.{name}{at}", message)
    return values, bad


def _value(name: str, declared: Field, item: Mapping[str, Any]) -> Any:
    if name in item:
        return declared.read(item[name])
    if declared.default is REQUIRED:
        raise Misread("is missing")
    return declared.default_for(item)


def _unknown(name: str, shape: Shape) -> str:
    return f"unknown field{advice(name, [*shape.fields, *shape.children])}"


def _check_one_way(values: Values, path: str, bad: set[str], report: Report) -> None:
    if bad:
        return
    if (values["model"] is None) == (values["via"] is None):
        report.add(path, "name either a model or, with via, another alias")
        bad.add("model")


def _split_credential(provider: Unit, wanted: Wanted) -> None:
    """Make a row of the platform credential, which stands in the provider's item."""
    name = provider.values.pop("credential", None)
    if name is not None:
        wanted.units.append(
            Unit(
                "credential",
                (provider.key[0], None, DEFAULT_CREDENTIAL),
                {"credential": name, "active": True},
                provider.path,
            )
        )


def _refuse_twins(wanted: Wanted, report: Report) -> None:
    first: dict[tuple[str, str], str] = {}
    for unit in _readable(wanted):
        mark = (unit.kind, repr(unit.key))
        if mark in first:
            label = label_of(unit.kind, unit.key)
            report.add(unit.path, f"{label} stands twice, first at {first[mark]}")
        first.setdefault(mark, unit.path)


def _readable(wanted: Wanted) -> Iterator[Unit]:
    for unit in wanted.units:
        if not unit.bad and unit.kind != "target":
            yield unit
