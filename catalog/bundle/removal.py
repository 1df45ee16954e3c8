"""Removes what a bundle leaves out: targets always, the rest only with prune."""

from typing import Any

from django.db.models import Q
from django.utils import timezone

from catalog.bundle.catalog_kinds import SEALED
from catalog.bundle.mistakes import Report
from catalog.bundle.plan import Action, Change, Difference, Plan
from catalog.bundle.references import parents_of
from catalog.bundle.state import State
from catalog.bundle.units import Key, Wanted, label_of
from catalog.models import AIModel, AliasTarget, Price, Provider
from tenants.models import Organization

# What refers to other rows goes before what is referred to.
_ORDER = (
    "limit",
    "budget",
    "organization_budget",
    "context_scope",
    "price",
    "endpoint",
    "credential",
    "model",
    "provider",
    "project",
    "organization",
)


def drop_targets(wanted: Wanted, state: State, plan: Plan) -> None:
    """Delete targets that their alias no longer lists; the list is the whole list."""
    named = wanted.keys("target")
    for key, row in list(state.rows["target"].items()):
        if ("target", key[:2]) in wanted.lists and key not in named:
            _delete("target", key, row, state, plan)


def prune_aliases(wanted: Wanted, state: State, plan: Plan) -> None:
    """Delete aliases that are not named, unless one that stays leads to them."""
    if "alias" not in wanted.sections:
        return
    named = _named(wanted, "alias")
    left_out = {
        key: row for key, row in state.rows["alias"].items() if key not in named
    }
    used = _led_to(named, state)
    for key in list(state.rows["target"]):
        if key[:2] in left_out and key[:2] not in used:
            _delete("target", key, state.rows["target"][key], state, plan)
    for key, row in left_out.items():
        if key in used:
            _deactivate("alias", key, row, plan, "another alias leads to it")
        else:
            _delete("alias", key, row, state, plan)


def prune(wanted: Wanted, state: State, plan: Plan, report: Report) -> None:
    """Remove every other row that is not named, in the sections that the file has."""
    for kind in _ORDER:
        named = _named(wanted, kind)
        for key, row in list(state.rows[kind].items()):
            if key not in named and _is_covered(kind, key, wanted):
                _remove(kind, key, row, state, plan, report)


def _named(wanted: Wanted, kind: str) -> set[Key]:
    """Return what the file names as an item of its own or by referring to it."""
    named = wanted.keys(kind)
    for unit in wanted.units:
        if not unit.bad:
            named |= {key for of, key in parents_of(unit) if of == kind}
    return named


def _is_covered(kind: str, key: Key, wanted: Wanted) -> bool:
    match kind:
        case "limit" | "budget":
            # What is for one end user may be the project's own doing.
            return (kind, key[:1]) in wanted.lists and key[4] is None
        case "organization_budget" | "context_scope":
            return (kind, key[:1]) in wanted.lists
        case "price":
            return (kind, key[:2]) in wanted.lists
        case _:
            return kind in wanted.sections


def _led_to(named: set[Key], state: State) -> set[Key]:
    """Return the aliases that these lead to, over any number of others."""
    reached: set[Key] = set()
    level = set(named)
    while level:
        level = {
            key[2][1:]
            for key in state.rows["target"]
            if key[:2] in level and key[2][0] == "via"
        } - reached
        reached |= level
    return reached - named


def _remove(
    kind: str, key: Key, row: Any, state: State, plan: Plan, report: Report
) -> None:
    match row:
        case Price():
            if row.valid_from > timezone.now():
                _delete(kind, key, row, state, plan)
        case AIModel():
            if why := _use_of_model(row):
                _deactivate(kind, key, row, plan, why)
            else:
                _delete(kind, key, row, state, plan)
        case Provider():
            if why := _use_of_provider(row):
                _deactivate(kind, key, row, plan, why)
            else:
                _delete(kind, key, row, state, plan)
        case Organization():
            _remove_organization(key, row, state, plan, report)
        case _ if kind == "project":
            _deactivate(kind, key, row, plan, "its usage keeps its name")
        case _ if kind == "credential" and row.sealed is not None:
            report.note(
                "credentials",
                f"{label_of(kind, key)} is kept, for it is {SEALED[1:-1]}",
            )
        case _:
            _delete(kind, key, row, state, plan)


def _use_of_model(row: AIModel) -> str:
    if AliasTarget.objects.filter(model=row).exists():
        return "an alias leads to it"
    if Price.objects.filter(model=row).exists():
        return "it has prices"
    if AIModel.objects.filter(successor=row).exists():
        return "it is a successor"
    return ""


def _use_of_provider(row: Provider) -> str:
    used = Q(models__isnull=False) | Q(endpoints__isnull=False)
    if Provider.objects.filter(used, pk=row.pk).exists():
        return "it has models or endpoints"
    return "it has credentials" if row.credentials.exists() else ""


def _remove_organization(
    key: Key, row: Organization, state: State, plan: Plan, report: Report
) -> None:
    if not row.projects.exists():
        _delete("organization", key, row, state, plan)
    elif row.projects.filter(active=True).exists():
        report.note("organizations", f"{row.slug} is kept, for it has active projects")
    else:
        _deactivate("organization", key, row, plan, "it has projects")


def _delete(kind: str, key: Key, row: Any, state: State, plan: Plan) -> None:
    row.delete()
    state.forget(kind, key)
    plan.changes.append(Change(Action.DELETE, kind, key))


def _deactivate(kind: str, key: Key, row: Any, plan: Plan, why: str) -> None:
    if not row.active:
        plan.unchanged += 1
        return
    row.active = False
    row.save(update_fields=["active"])
    differences = (Difference("active", True, False),)
    plan.changes.append(Change(Action.DEACTIVATE, kind, key, differences, why))
