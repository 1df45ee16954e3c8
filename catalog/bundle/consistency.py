"""Whether what a bundle leaves behind hangs together."""

from collections.abc import Iterator
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Q

from catalog.bundle.kinds import KINDS
from catalog.bundle.mistakes import Report, advice
from catalog.bundle.plan import Plan
from catalog.bundle.state import State
from catalog.bundle.units import Key, Wanted
from catalog.models import Alias
from catalog.models.endpoint import check_handler
from catalog.validation import check_alias_has_target, check_endpoints, is_live
from tenants.models import Project


def check_consistency(wanted: Wanted, state: State, plan: Plan, report: Report) -> None:
    """Report, among what was touched, what leads nowhere or stands in its own way."""
    if report.mistakes:
        return
    paths = {(unit.kind, unit.key): unit.path for unit in wanted.units}
    touched = {(change.kind, change.key) for change in plan.changes}
    for key in _aliases_to_check(touched, state):
        if (row := state.get("alias", key)) is not None:
            _check_alias(row, paths.get(("alias", key), "aliases"), report)
    for path, error in _check_endpoints(touched, paths, state):
        report.add_invalid(path, error, {})
    removed = {key[1] for kind, key in touched if kind == "alias"}
    for project in _projects_to_check(touched, removed, state):
        path = paths.get(("project", (project.slug,)), f"project {project.slug}")
        _check_project(project, path, report)


def _aliases_to_check(touched: set[tuple[str, Key]], state: State) -> set[Key]:
    models = {"/".join(key) for kind, key in touched if kind == "model"}
    return {key[:2] for kind, key in touched if kind in {"alias", "target"}} | {
        key[:2] for key in state.rows["target"] if key[2][1] in models
    }


def _check_alias(alias: Alias, path: str, report: Report) -> None:
    targets = list(alias.targets.select_related("model__provider", "via"))
    try:
        check_alias_has_target(alias, targets)
        for target in targets:
            target.clean()
    except ValidationError as error:
        report.add_invalid(path, error, {"model": "targets", "via": "targets"})
    if alias.active and not any(map(is_live, targets)):
        report.note(path, f"all that {alias.name} leads to is switched off")


def _check_endpoints(
    touched: set[tuple[str, Key]], paths: dict[tuple[str, Key], str], state: State
) -> Iterator[tuple[str, ValidationError]]:
    """Yield what is wrong between endpoints of a provider, where one has changed."""
    for kind, key in touched:
        if kind not in {"endpoint", "provider"}:
            continue
        length = 2 if kind == "endpoint" else 1
        rows = {
            at: row
            for at, row in state.rows["endpoint"].items()
            if at[:length] == key[:length]
        }
        try:
            if kind == "endpoint":
                check_endpoints(rows.values())
            else:
                for row in rows.values():
                    check_handler(row, state.rows["provider"][key].handler)
        except ValidationError as error:
            yield paths.get((kind, key), f"{kind}s"), error


def _projects_to_check(
    touched: set[tuple[str, Key]], names: set[Any], state: State
) -> list[Project]:
    found = {
        key: state.rows["project"][key]
        for kind, key in touched
        if kind == "project" and key in state.rows["project"]
    }
    if names:
        for project in Project.objects.filter(default_alias__in=names):
            found[KINDS["project"].key(project)] = project
    return list(found.values())


def _check_project(project: Project, path: str, report: Report) -> None:
    if not project.active:
        return
    usable = Alias.objects.filter(Q(project__isnull=True) | Q(project=project.pk))
    names = set(usable.values_list("name", flat=True))
    if (name := project.default_alias) and name not in names:
        report.add(f"{path}.default_alias", f"no alias {name}{advice(name, names)}")
    for task, name in project.task_routes.items():
        if name not in names:
            report.note(
                f"{path}.task_routes.{task}", f"no alias {name}{advice(name, names)}"
            )
