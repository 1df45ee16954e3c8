"""What the rows of a bundle refer to, in the file or in the database."""

from collections.abc import Iterable, Mapping
from typing import Any

from catalog.bundle.catalog_kinds import model_key
from catalog.bundle.kind import Scope
from catalog.bundle.kinds import KINDS
from catalog.bundle.mistakes import Report, advice
from catalog.bundle.state import State
from catalog.bundle.units import Key, Unit, Values, Wanted, label_of

_REFERRED_TO = ("organization", "project", "provider", "model", "alias")
# What may hold for a key, an end user or an alias of its project.
_SCOPED = {"limit", "budget"}
_FIELDS = {"successor": "successor", "via": "via", "api_key": "key"}


def resolve(wanted: Wanted, state: State, report: Report) -> None:
    """Give every unit its final key, and report what refers to nothing."""
    known = {kind: state.rows[kind].keys() | wanted.keys(kind) for kind in _REFERRED_TO}
    _add_organizations(wanted, known["organization"], report)
    _find_keys(wanted, state, report)
    _add_end_users(wanted, state)
    known["end_user"] = state.rows["end_user"].keys() | wanted.keys("end_user")
    _note_unknown_aliases(wanted, known["alias"], report)
    known["key"] = set(state.rows["key"])
    for unit in wanted.of("model"):
        _complete_successor(unit, known["model"])
    _refuse_rings(wanted.of("model"), report)
    for unit in wanted.of("target"):
        _find_way(unit, known["alias"], report)
    _refuse_twin_targets(wanted, report)
    for unit in wanted.units:
        if not unit.bad:
            _check_parents(unit, known, report)


def parents_of(unit: Unit) -> Iterable[tuple[str, Key]]:
    """Return kind and key of all that the unit refers to."""
    for parent in KINDS[unit.kind].parents(unit.key, unit.values):
        yield parent.kind, parent.key


def _add_organizations(wanted: Wanted, known: set[Key], report: Report) -> None:
    """An organization that a project names is made when it is missing."""
    for project in wanted.of("project"):
        slug = project.values.get("organization")
        if project.bad or (slug,) in known:
            continue
        place = f"{project.path}.organization"
        values: Values = {"name": str(slug).capitalize(), "active": True}
        wanted.units.append(Unit("organization", (slug,), values, place))
        others = [str(key[0]) for key in known]
        if (hint := advice(str(slug), others)).startswith("; did you mean"):
            report.note(place, f"there was no organization {slug}, so it is new{hint}")
        known.add((slug,))


def _find_keys(wanted: Wanted, state: State, report: Report) -> None:
    """Look up the keys that limits and budgets are for.

    In a project that has no keys at all, such a limit is left out: keys are made in one
    database only, and a bundle from another must apply.
    """
    units = [u for u in wanted.units if u.kind in _SCOPED and u.key[3]]
    if not units:
        return
    state.read_api_keys({unit.key[0] for unit in units})
    for unit in units:
        prefixes = [key[1] for key in state.rows["key"] if key[0] == unit.key[0]]
        if not prefixes:
            report.note(
                f"{unit.path}.key",
                f"left out: {unit.key[0]} has no keys here, {unit.key[3]} among them",
            )
            wanted.units.remove(unit)
        elif unit.key[3] not in prefixes:
            hint = advice(unit.key[3], prefixes)
            report.add(
                f"{unit.path}.key", f"{unit.key[0]} has no key {unit.key[3]}{hint}"
            )
            unit.bad.add("key")


def _add_end_users(wanted: Wanted, state: State) -> None:
    """An end user that a limit or budget names is made when it is missing."""
    units = [u for u in wanted.units if u.kind in _SCOPED and u.key[4] and not u.bad]
    if not units:
        return
    state.read_end_users({(unit.key[0], unit.key[4]) for unit in units})
    named = set(state.rows["end_user"])
    for unit in units:
        key = (unit.key[0], unit.key[4])
        if key not in named:
            named.add(key)
            wanted.units.append(Unit("end_user", key, {}, unit.path))


def _note_unknown_aliases(wanted: Wanted, known: set[Key], report: Report) -> None:
    for unit in wanted.units:
        if unit.kind not in _SCOPED or not (name := unit.key[6]):
            continue
        if (unit.key[0], name) not in known and (None, name) not in known:
            others = [str(alias) for project, alias in known]
            report.note(f"{unit.path}.alias", f"no alias {name}{advice(name, others)}")


def _complete_successor(unit: Unit, known: set[Key]) -> None:
    """Let a successor of the same provider be named by its id alone."""
    successor = unit.values.get("successor")
    if isinstance(successor, str) and model_key(successor) not in known:
        sibling = (unit.key[0], successor)
        if sibling in known:
            unit.values["successor"] = "/".join(sibling)


def _refuse_rings(models: list[Unit], report: Report) -> None:
    """Refuse successors that lead back; they could not be written in any order."""
    next_of = {
        unit.key: model_key(unit.values["successor"])
        for unit in models
        if unit.values.get("successor")
    }
    for unit in models:
        seen: set[Key] = set()
        key = unit.key
        while key in next_of and key not in seen:
            seen.add(key)
            key = next_of[key]
        if key in seen:
            unit.bad.add("successor")
            report.add(
                f"{unit.path}.successor",
                "The successors lead back to this model; choose one that does not.",
            )


def _find_way(unit: Unit, known: set[Key], report: Report) -> None:
    """Put in place of model and via what the target stands for."""
    project, name, model, via = unit.key
    if unit.bad:
        unit.key = (project, name, ("model", ""))
    elif model is not None:
        unit.key = (project, name, ("model", model))
    elif isinstance(via, str):
        own = (project, via)
        is_own = own in known and own != (project, name)
        unit.key = (project, name, ("via", project if is_own else None, via))
    elif (
        isinstance(via, Mapping)
        and via.keys() <= {"name", "project"}
        and isinstance(via.get("name"), str)
        and isinstance(via.get("project"), str | None)
    ):
        unit.key = (project, name, ("via", via.get("project"), via["name"]))
    else:
        report.add(f"{unit.path}.via", "should be an alias, or {name: …, project: …}")
        unit.bad.add("via")
        unit.key = (project, name, ("model", ""))


def _refuse_twin_targets(wanted: Wanted, report: Report) -> None:
    first: dict[Any, str] = {}
    for unit in wanted.of("target"):
        if unit.bad:
            continue
        mark = repr(unit.key)
        if mark in first:
            report.add(
                unit.path,
                f"{label_of('target', unit.key)} stands twice, first at {first[mark]}",
            )
        first.setdefault(mark, unit.path)


def _check_parents(unit: Unit, known: dict[str, set[Key]], report: Report) -> None:
    for parent in KINDS[unit.kind].parents(unit.key, unit.values):
        if parent.key in known[parent.kind]:
            continue
        name = _FIELDS.get(parent.column, parent.column)
        unit.bad.add(name)
        others = [_name(parent.kind, key) for key in known[parent.kind]]
        what = _name(parent.kind, parent.key)
        report.add(
            f"{unit.path}.{name}", f"no {parent.kind} {what}{advice(what, others)}"
        )


def _name(kind: str, key: Key) -> str:
    return label_of(kind, key).removeprefix(f"{kind} ")


def scope_of(document: object) -> Scope:
    """Return which rows of the database a bundle has to do with."""
    return Scope(
        projects=frozenset(
            _named(document, "projects", "slug")
            | _named(document, "providers", "project")
            | _named(document, "models", "project")
            | _named(document, "aliases", "project")
            | _named(document, "credentials", "project")
        ),
        providers=frozenset(
            _named(document, "providers", "slug")
            | _named(document, "endpoints", "provider")
            | _named(document, "models", "provider")
            | _named(document, "credentials", "provider")
        ),
        model_ids=frozenset(_named(document, "models", "model_id")),
        end_users=frozenset(
            name
            for project in _items(document, "projects")
            for section in ("limits", "budgets")
            for name in _named(project, section, "end_user")
        ),
    )


def _named(document: object, section: str, column: str) -> set[str]:
    return {
        item[column]
        for item in _items(document, section)
        if isinstance(item.get(column), str)
    }


def _items(document: object, section: str) -> list[Mapping[str, Any]]:
    items = document.get(section) if isinstance(document, Mapping) else None
    found = items if isinstance(items, list) else []
    return [item for item in found if isinstance(item, Mapping)]
