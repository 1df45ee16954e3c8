"""Writes the database's configuration as a bundle."""

from collections import defaultdict
from typing import Any

from catalog.bundle.catalog_kinds import SEALED
from catalog.bundle.document import Document
from catalog.bundle.kind import Scope
from catalog.bundle.kinds import KINDS
from catalog.bundle.shapes import DEFAULT_CREDENTIAL, SECTIONS, Shape
from catalog.bundle.state import State
from catalog.bundle.units import Key, Values, label_of
from catalog.bundle.values import plain
from catalog.models.credential import CAPS

_LEFT_OUT = {None: "has no value", SEALED: "is sealed here, and is set in the admin"}

Children = dict[tuple[str, Key], list[Values]]


def export_bundle() -> tuple[Document, list[str]]:
    """Return the whole configuration, and what it does not hold: sealed credentials."""
    state = State.read(Scope())
    document: Document = {}
    notes: list[str] = []
    children = _children(state)
    for section, shape in SECTIONS.items():
        items = [
            _item(shape, key, values, children)
            for key, values in _sorted_values(state, shape.kind)
        ]
        if shape.kind == "provider":
            _add_credentials(items, state)
        if shape.kind == "credential":
            items = _other_credentials(items, notes)
        if items:
            document[section] = items
    return document, notes


def _sorted_values(state: State, kind: str) -> list[tuple[Key, Values]]:
    found = [(key, KINDS[kind].values(row)) for key, row in state.rows[kind].items()]
    return sorted(found, key=lambda pair: tuple(str(part or "") for part in pair[0]))


def _children(state: State) -> Children:
    found: Children = defaultdict(list)
    for key, row in state.rows["target"].items():
        way, *rest = key[2]
        named = {"model": rest[0]} if way == "model" else {"via": _via(key, state)}
        found["target", key[:2]].append({**named, **KINDS["target"].values(row)})
    for key, values in _sorted_values(state, "price"):
        found["price", key[:2]].append(
            _without_none(
                {
                    "component": key[2],
                    "min_input_tokens": key[3] or None,
                    **values,
                    "valid_from": key[4],
                }
            )
        )
    for key, values in _sorted_values(state, "limit"):
        _, metric, per, *scope = key
        named = {"metric": metric, "per": per or None, **_scope(*scope)}
        found["limit", key[:1]].append(_without_none({**named, **values}))
    for key, values in _sorted_values(state, "budget"):
        _, per, mode, *scope = key
        named = {"per": per, "mode": mode, **_scope(*scope)}
        found["budget", key[:1]].append(_without_none({**named, **values}))
    for key, values in _sorted_values(state, "organization_budget"):
        organization, per, mode = key
        named = {"per": per, "mode": mode}
        found["organization_budget", (organization,)].append({**named, **values})
    for key, values in _sorted_values(state, "context_scope"):
        found["context_scope", key[:1]].append({"name": key[1], **values})
    return found


def _scope(
    key: str | None, end_user: str | None, each_end_user: bool, alias: str
) -> Values:
    """Return what a limit or budget is for; None is left out."""
    return {
        "key": key,
        "end_user": end_user,
        "each_end_user": each_end_user or None,
        "alias": alias or None,
    }


def _via(key: Key, state: State) -> Any:
    """Name an alias as short as the reader will find it again."""
    project, name, (_, via_project, via_name) = key
    if via_project is None:
        own = (project, via_name)
        is_hidden = project is not None and own != (project, name)
        if is_hidden and state.has("alias", own):
            return {"name": via_name, "project": None}
    return via_name


def _item(shape: Shape, key: Key, values: Values, children: Children) -> Values:
    item = dict(zip(shape.key, key, strict=True))
    item |= {name: values[name] for name in shape.fields if name in values}
    item = {name: plain(value) for name, value in item.items()}
    for name, child in shape.children.items():
        rows = children.get((child.kind, key), [])
        if rows or child.is_required:
            item[name] = [_plain_in_order(row) for row in rows]
    return item


def _plain_in_order(values: Values) -> Values:
    return {name: plain(value) for name, value in values.items()}


def _without_none(values: Values) -> Values:
    return {name: value for name, value in values.items() if value is not None}


def _add_credentials(items: list[Values], state: State) -> None:
    for item in items:
        key = (item["slug"], None, DEFAULT_CREDENTIAL)
        if state.has("credential", key):
            values = KINDS["credential"].values(state.rows["credential"][key])
            if _can_be_named(values["credential"]) and _is_plain(values):
                item["credential"] = f"env:{values['credential']}"


def _other_credentials(items: list[Values], notes: list[str]) -> list[Values]:
    """Return the credentials that do not stand in their provider's item."""
    others: list[Values] = []
    for item in items:
        name = item["credential"]
        key = (item["provider"], item["project"], item["name"])
        if not _can_be_named(name):
            notes.append(f"{label_of('credential', key)} {_LEFT_OUT[name or None]}")
        elif key[1:] != (None, DEFAULT_CREDENTIAL) or not _is_plain(item):
            others.append({**item, "credential": f"env:{name}"})
    return others


def _is_plain(values: Values) -> bool:
    """Say whether all of a credential can stand in its provider's item."""
    return values["active"] and all(values[cap] is None for cap in CAPS)


def _can_be_named(name: str) -> bool:
    return name not in {"", SEALED}
