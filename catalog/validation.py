"""Rules of the catalog that involve several rows.

Each refuses by a ValidationError whose message says what to do.
"""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import combinations
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connection
from django.db.models import Q, QuerySet

from catalog.models import AIModel, Alias, AliasTarget, Endpoint, Provider
from catalog.patterns import path_of
from catalog.protocols import Operation, served_by
from tenants.models import Project

_NAMED = 10
_PLACEHOLDER = re.compile(r"\{[^{}]*\}")
# Stands for a placeholder: one or more characters, none of them a slash.
_ANY = ""


def is_live(target: AliasTarget) -> bool:
    """Tell whether a request could be sent to the target at all."""
    if not target.active:
        return False
    if target.model is not None:
        return target.model.active and target.model.provider.active
    return target.via is not None and target.via.active


def check_alias_has_target(alias: Alias, targets: Iterable[AliasTarget]) -> None:
    """Refuse an active alias that stands for nothing."""
    if alias.active and not any(target.active for target in targets):
        msg = (
            f"{alias.name} would stand for nothing: give it an active target, "
            "or deactivate the alias."
        )
        raise ValidationError(msg)


def check_alias_is_live(alias: Alias, targets: Iterable[AliasTarget]) -> None:
    """Refuse an active alias all of whose targets lead to what is switched off."""
    if alias.active and not any(is_live(target) for target in targets):
        msg = (
            f"All that {alias.name} leads to is switched off: activate the model and "
            "provider of a target, add another target, or deactivate the alias."
        )
        raise ValidationError(msg)


def check_alias_operation(alias: Alias) -> None:
    """Refuse an operation that aliases which lead to this one are not for."""
    users = AliasTarget.objects.filter(via=alias.pk).exclude(
        alias__operation=alias.operation
    )
    if names := _names(str(user.alias) for user in users.select_related("alias")):
        msg = f"{names} lead to {alias.name} and are for another operation."
        raise ValidationError({"operation": msg})


def check_endpoints(endpoints: Iterable[Endpoint]) -> None:
    """Refuse active endpoints of one provider between which nothing would choose."""
    for one, other in combinations([e for e in endpoints if e.active], 2):
        if (
            one.provider_id == other.provider_id
            and one.operation == other.operation
            and one.priority == other.priority
            and patterns_overlap(one.pattern, other.pattern)
        ):
            msg = (
                f"{one.pattern} and {other.pattern} match the same paths for "
                f"{one.operation} at priority {one.priority}; "
                "give one of them another priority."
            )
            raise ValidationError(msg)


def patterns_overlap(one: str, other: str) -> bool:
    """Tell whether there is a path that both patterns match."""
    segments, others = path_of(one).split("/"), path_of(other).split("/")
    return len(segments) == len(others) and all(
        _segments_overlap(_pieces(a), _pieces(b))
        for a, b in zip(segments, others, strict=True)
    )


def _pieces(segment: str) -> tuple[str, ...]:
    first, *others = _PLACEHOLDER.split(segment)
    pieces = list(first)
    for part in others:
        pieces += [_ANY, *part]
    return tuple(pieces)


@lru_cache(maxsize=4096)
def _segments_overlap(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    if not one or not other:
        return not one and not other
    a, b = one[0], other[0]
    if _ANY not in (a, b):
        return a == b and _segments_overlap(one[1:], other[1:])
    # One character is taken on both sides; a placeholder may then end or go on.
    ways = [one[1:], one] if a == _ANY else [one[1:]]
    other_ways = [other[1:], other] if b == _ANY else [other[1:]]
    return any(
        _segments_overlap(way, other_way)
        for way in ways
        for other_way in other_ways
        if (way, other_way) != (one, other)
    )


def aliases_for(project: Project) -> QuerySet[Alias]:
    """Return the active aliases that the project can call."""
    condition = Q(project__isnull=True)
    if project.pk is not None:
        condition |= Q(project=project)
    return Alias.objects.filter(condition, active=True)


def check_project_routes(project: Project) -> None:
    """Refuse a default alias or task route that names no alias of the project."""
    known = set(aliases_for(project).values_list("name", flat=True))
    mistakes: dict[str, str] = {}
    if project.default_alias and project.default_alias not in known:
        mistakes["default_alias"] = _no_alias(project.default_alias)
    routes = project.task_routes
    if not isinstance(routes, dict):
        mistakes["task_routes"] = 'This is an object, e.g. {"code": "smart"}.'
    elif wrong := {t: n for t, n in routes.items() if str(n) not in known}:
        mistakes["task_routes"] = " ".join(
            f"{task}: {_no_alias(name)}" for task, name in wrong.items()
        )
    if mistakes:
        raise ValidationError(mistakes)


def _no_alias(name: Any) -> str:
    return (
        f"There is no active alias {name!r} for this project; "
        "make one, or name one that there is."
    )


def projects_naming(alias: Alias) -> list[Project]:
    """Return some projects that name this alias and would have none without it."""
    others = Alias.objects.filter(name=alias.name, active=True).exclude(pk=alias.pk)
    projects = Project.objects.filter(
        Q(default_alias=alias.name) | Q(pk__in=_projects_with_route_to(alias.name))
    )
    if alias.project_id is None:
        own = others.filter(project__isnull=False)
        projects = projects.exclude(pk__in=own.values("project_id"))
    elif others.filter(project__isnull=True).exists():
        return []
    else:
        projects = projects.filter(pk=alias.project_id)
    return list(projects[: _NAMED + 1])


def _projects_with_route_to(name: str) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM tenants_project WHERE jsonb_path_exists("
            "task_routes, '$.* ? (@ == $name)', jsonb_build_object('name', %s::text))",
            [name],
        )
        return [row[0] for row in cursor.fetchall()]


def check_alias_not_needed(alias: Alias) -> None:
    """Refuse to take away an alias that projects name."""
    if users := _names(str(project) for project in projects_naming(alias)):
        msg = (
            f"{alias.name} is the default alias or a task route of {users}; "
            "choose another alias there first."
        )
        raise ValidationError(msg)


def check_deactivation(
    *,
    providers: Sequence[Provider] = (),
    models: Sequence[AIModel] = (),
    aliases: Sequence[Alias] = (),
) -> None:
    """Refuse to switch off rows that leave an active alias without any live target."""
    orphans = aliases_served_only_by(
        providers=providers, models=models, aliases=aliases
    )
    if orphans:
        going = _names(str(row) for row in (*providers, *models, *aliases))
        msg = (
            f"Without {going} these aliases would lead nowhere: "
            f"{_names(str(alias) for alias in orphans)}. "
            "Give them another target or deactivate them first."
        )
        raise ValidationError(msg)


def aliases_served_only_by(
    *,
    providers: Sequence[Provider] = (),
    models: Sequence[AIModel] = (),
    aliases: Sequence[Alias] = (),
) -> list[Alias]:
    """Return active aliases whose every live target is one of these."""
    going = (
        Q(model__provider__in=[row.pk for row in providers])
        | Q(model__in=[row.pk for row in models])
        | Q(via__in=[row.pk for row in aliases])
    )
    live = AliasTarget.objects.filter(
        Q(model__active=True, model__provider__active=True) | Q(via__active=True),
        active=True,
        alias__active=True,
    ).exclude(alias__in=[row.pk for row in aliases])
    losing = live.filter(going)
    staying = live.exclude(pk__in=losing.values("pk"))
    return list(
        Alias.objects.filter(pk__in=losing.values("alias_id"))
        .exclude(pk__in=staying.values("alias_id"))
        .select_related("project")
    )


def check_model_operations(model: AIModel) -> None:
    """Refuse to take away an operation that aliases use the model for."""
    served = [
        name for name in Operation if set(served_by(name)) & set(model.operations)
    ]
    wrong = (
        AliasTarget.objects.filter(model=model.pk)
        .exclude(alias__operation__in=served)
        .select_related("alias__project")
    )
    if names := _names(
        f"{target.alias} ({target.alias.operation})" for target in wrong
    ):
        msg = f"The model is a target of {names}; remove it there first."
        raise ValidationError({"operations": msg})


def _names(names: Iterable[str]) -> str:
    listed = list(names)
    more = " and more" if len(listed) > _NAMED else ""
    return ", ".join(listed[:_NAMED]) + more
