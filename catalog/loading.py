"""Loads the bundled catalog, and leaves alone whatever an operator has changed.

Of every row that it writes the catalog keeps a digest. A row that still has this digest
is the catalog's and is brought up to date; one that has another digest, or that the
catalog never wrote, is an operator's; one that is gone was deleted and stays so.
"""

import hashlib
import json
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pghistory
from django.conf import settings
from django.db import transaction

from catalog.bundle.applying import lock_configuration, write_all
from catalog.bundle.document import Document, load_document
from catalog.bundle.kinds import KINDS
from catalog.bundle.mistakes import Report
from catalog.bundle.plan import Plan
from catalog.bundle.references import parents_of, resolve, scope_of
from catalog.bundle.state import State
from catalog.bundle.units import Key, Unit, Wanted, label_of, read_units
from catalog.bundle.values import plain
from catalog.models import CatalogOrigin, Provider
from catalog.places import places

FOLDER = Path(__file__).parent / "data"
SIMULATOR = "simulator"

_EVERYTHING = "everything"
# Raised when rows are compared in another way, so that the next start looks again.
_ALGORITHM = b"1"

# Columns that came later: left out while they are empty, so that older digests hold.
_LATER = frozenset({"add_params", "health_check", "project"})

Origins = dict[tuple[str, str], str]


@dataclass(slots=True)
class Loaded:
    """What loading did: None as the plan when the catalog was the same as last time."""

    plan: Plan | None = None
    left_alone: list[str] = field(default_factory=list)


def load_catalog(folder: Path = FOLDER) -> Loaded:
    """Bring the catalog's rows up to date, in one transaction."""
    files = sorted(folder.glob("*.yaml"))
    digest = _digest_of_files(files)
    if _last_digest() == digest:
        return Loaded()
    with pghistory.context(actor="load_catalog"), transaction.atomic():
        lock_configuration()
        if _last_digest() == digest:
            return Loaded()
        loaded = _load(_merged(files))
        _remember({(_EVERYTHING, ""): digest}, {})
        return loaded


def _load(document: Document) -> Loaded:
    report = Report()
    wanted = read_units(document, report)
    state = State.read(scope_of(document))
    resolve(wanted, state, report)
    report.check()
    origins: Origins = {
        (kind, key): digest
        for kind, key, digest in CatalogOrigin.objects.values_list(
            "kind", "key", "digest"
        )
    }
    choice = _Choice(wanted, state, origins)
    chosen = choice.units_to_write()
    plan = Plan()
    write_all(chosen, state, report, plan, prune=False)
    report.check()
    if choice.is_from_catalog("provider", (SIMULATOR,)):
        _move_simulator()
    written = {
        (unit.kind, _text_of(unit.key)): _digest_of_row(unit.kind, unit.key, state)
        for unit in chosen.units
        if unit.kind != "target"
    }
    _remember(written, origins)
    return Loaded(plan, sorted(choice.left_alone))


class _Choice:
    """Decides which units of the catalog are written."""

    def __init__(self, wanted: Wanted, state: State, origins: Origins) -> None:
        self.wanted = wanted
        self.state = state
        self.origins = origins
        self.left_alone: set[str] = set()
        self.targets: dict[Key, list[Unit]] = defaultdict(list)
        for unit in wanted.of("target"):
            self.targets[unit.key[:2]].append(unit)
        self.kept: dict[str, set[Key]] = defaultdict(set)
        self.own_prices = {
            key[:4] for key in state.rows["price"] if not self._origin("price", key)
        }

    def units_to_write(self) -> Wanted:
        chosen = Wanted()
        for kind in KINDS:
            for unit in self.wanted.of(kind):
                if kind != "target" and self._is_ours(unit):
                    self.kept[kind].add(unit.key)
                    chosen.units.append(unit)
                    if kind == "alias":
                        chosen.units += self.targets[unit.key]
                        chosen.lists.add(("target", unit.key))
        return chosen

    def _is_ours(self, unit: Unit) -> bool:
        if not self._stands_on_something(unit):
            return False
        origin = self._origin(unit.kind, unit.key)
        if not self.state.has(unit.kind, unit.key):
            if unit.kind == "price" and unit.key[:4] in self.own_prices:
                self._leave(unit)
                return False
            return origin is None
        now = _digest_of_row(unit.kind, unit.key, self.state)
        if now in {origin, self._digest_of_unit(unit)}:
            return True
        self._leave(unit)
        return False

    def _stands_on_something(self, unit: Unit) -> bool:
        """Tell whether what the unit refers to is there; drop targets without it."""
        if unit.kind == "alias":
            self.targets[unit.key] = [
                target
                for target in self.targets[unit.key]
                if all(
                    self._is_there(*p) for p in parents_of(target) if p[1] != unit.key
                )
            ]
            return bool(self.targets[unit.key])
        if unit.kind == "model":
            for kind, key in parents_of(unit):
                if kind == "model" and self._was_deleted(kind, key):
                    unit.values["successor"] = None
            return self._is_there("provider", unit.key[:1])
        return all(self._is_there(*parent) for parent in parents_of(unit))

    def _is_there(self, kind: str, key: Key) -> bool:
        return self.state.has(kind, key) or key in self.kept[kind]

    def is_from_catalog(self, kind: str, key: Key) -> bool:
        return self._origin(kind, key) is not None

    def _was_deleted(self, kind: str, key: Key) -> bool:
        return self.is_from_catalog(kind, key) and not self.state.has(kind, key)

    def _origin(self, kind: str, key: Key) -> str | None:
        return self.origins.get((kind, _text_of(key)))

    def _leave(self, unit: Unit) -> None:
        self.left_alone.add(label_of(unit.kind, unit.key))

    def _digest_of_unit(self, unit: Unit) -> str:
        targets = [(t.key[2], t.values) for t in self.targets[unit.key]]
        return _digest(unit.kind, unit.key, unit.values, targets)


def _digest_of_row(kind: str, key: Key, state: State) -> str:
    values = KINDS[kind].values(state.rows[kind][key])
    targets = [
        (at[2], KINDS["target"].values(row))
        for at, row in (state.rows["target"].items() if kind == "alias" else ())
        if at[:2] == key
    ]
    return _digest(kind, key, values, targets)


def _digest(
    kind: str, key: Key, values: dict[str, Any], targets: list[tuple[Key, Any]]
) -> str:
    """Return the digest of a row; the simulator's address is no operator's choice."""
    moving = {"base_url"} if (kind, key) == ("provider", (SIMULATOR,)) else set()
    columns = {*KINDS[kind].columns, "timeouts", "credential", "successor"} - moving
    if kind in {"provider", "model"}:
        columns.add("project")
    content = [
        {
            name: plain(value)
            for name, value in values.items()
            if name in columns and (value or name not in _LATER)
        },
        sorted(
            [*way, *(plain(values[name]) for name in KINDS["target"].columns)]
            for way, values in targets
        ),
    ]
    text = json.dumps(content, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _move_simulator() -> None:
    """Follow the simulator to the address at which this installation runs it."""
    Provider.objects.filter(slug=SIMULATOR).exclude(
        base_url=settings.SIMULATOR_URL
    ).update(base_url=settings.SIMULATOR_URL)


def _merged(files: list[Path]) -> Document:
    document: Document = {}
    for path in files:
        for section, items in load_document(path.read_text(encoding="utf-8")).items():
            document.setdefault(section, []).extend(items)
    known = {SIMULATOR: {"base_url": settings.SIMULATOR_URL}, **places()}
    for provider in document.get("providers", []):
        provider.update(known.get(provider["slug"], {}))
    return document


def _digest_of_files(files: list[Path]) -> str:
    digest = hashlib.sha256(_ALGORITHM + settings.SIMULATOR_URL.encode())
    digest.update(json.dumps(places()).encode())
    for path in files:
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


def _last_digest() -> str | None:
    found = CatalogOrigin.objects.filter(kind=_EVERYTHING).values_list(
        "digest", flat=True
    )
    return found.first()


def _remember(digests: Origins, known: Origins) -> None:
    CatalogOrigin.objects.bulk_create(
        [
            CatalogOrigin(kind=kind, key=key, digest=digest)
            for (kind, key), digest in digests.items()
            if known.get((kind, key)) != digest
        ],
        update_conflicts=True,
        unique_fields=["kind", "key"],
        update_fields=["digest", "loaded_at"],
    )


def _text_of(key: Key) -> str:
    return json.dumps(plain(key), default=str)
