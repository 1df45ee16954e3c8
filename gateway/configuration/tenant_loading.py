"""Keys and their projects out of the database: many keys in one handful of queries."""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from django.db.models import Q

from gateway.configuration.alias_loading import (
    Credentials,
    read_aliases,
    read_credentials,
)
from gateway.configuration.own_model_loading import read_own_models
from gateway.configuration.own_models import OwnModels
from gateway.configuration.records import (
    AliasRecord,
    KeyRecord,
    LimitRecord,
    ProjectRecord,
)
from tenants.models import ApiKey, Limit, Project

logger = logging.getLogger(__name__)

# By project and key; without a key: those of the whole project.
Limits = Mapping[tuple[int, int | None], tuple[LimitRecord, ...]]

SECONDS_PER = {
    "": 0,
    Limit.Per.SECOND.value: 1,
    Limit.Per.MINUTE.value: 60,
    Limit.Per.HOUR.value: 3_600,
    Limit.Per.DAY.value: 86_400,
}


def read_keys(
    key_ids: Collection[str], known_project: Callable[[int], ProjectRecord | None]
) -> dict[str, KeyRecord]:
    """Return the keys that work; unknown and revoked ones are not in the answer.

    A project that is known already is not read again, and keys of one project share its
    record. What cannot be understood is logged and left out.
    """
    rows = list(
        ApiKey.objects.filter(
            key_id__in=key_ids,
            revoked_at=None,
            project__active=True,
            project__organization__active=True,
        ).values("id", "key_id", "digest", "scopes", "expires_at", "project_id")
    )
    projects: dict[int, ProjectRecord] = {}
    unknown: set[int] = set()
    for project_id in {row["project_id"] for row in rows}:
        if (known := known_project(project_id)) is not None:
            projects[project_id] = known
        else:
            unknown.add(project_id)
    limits = _read_limits(
        Q(api_key_id__in=[row["id"] for row in rows])
        | Q(api_key=None, project_id__in=unknown)
    )
    projects |= _read_projects(unknown, limits)
    return {
        row["key_id"]: _key(row, projects[row["project_id"]], limits)
        for row in rows
        if row["project_id"] in projects
    }


def _key(
    row: Mapping[str, Any],
    project: ProjectRecord,
    limits: Limits,
) -> KeyRecord:
    expires_at = row["expires_at"]
    return KeyRecord(
        pk=row["id"],
        key_id=row["key_id"],
        digest=bytes(row["digest"]),
        project=project,
        scopes=frozenset(row["scopes"]),
        expires_at=None if expires_at is None else expires_at.timestamp(),
        limits=limits.get((project.id, row["id"]), ()),
    )


def read_project(project_id: int) -> ProjectRecord | None:
    """Return one project, whatever its keys; None when there is none."""
    limits = _read_limits(Q(api_key=None, project_id=project_id))
    return _read_projects({project_id}, limits).get(project_id)


def _read_projects(
    project_ids: Collection[int], limits: Limits
) -> dict[int, ProjectRecord]:
    if not project_ids:
        return {}
    owner = Q(project_id__in=project_ids)
    aliases = read_aliases(owner)
    credentials = read_credentials(owner)
    own_models = read_own_models(project_ids)
    return {
        row["id"]: _project(
            row,
            limits.get((row["id"], None), ()),
            aliases.get(row["id"], ()),
            credentials.get(row["id"], {}),
            own_models.get(row["id"]),
        )
        for row in Project.objects.filter(id__in=project_ids).values()
    }


def _project(
    row: Mapping[str, Any],
    limits: tuple[LimitRecord, ...],
    aliases: Sequence[AliasRecord],
    credentials: Credentials,
    own_models: OwnModels | None,
) -> ProjectRecord:
    return ProjectRecord(
        id=row["id"],
        slug=row["slug"],
        organization_id=row["organization_id"],
        default_alias=row["default_alias"],
        cache=row["cache"],
        auto_approve_threshold_usd=row["auto_approve_threshold_usd"],
        allowed_regions=frozenset(row["allowed_regions"]),
        task_routes=row["task_routes"],
        allow_unpriced=row["allow_unpriced"],
        strict_params=row["strict_params"],
        capture=row["capture"],
        limits=limits,
        aliases={alias.name: alias for alias in aliases},
        aliases_by_pk={alias.id: alias for alias in aliases},
        credentials=credentials,
        own_models=own_models,
        fallback_on_content_policy=row["fallback_on_content_policy"],
        cache_purges=row["cache_purges"],
    )


def _read_limits(which: Q) -> Limits:
    found: dict[tuple[int, int | None], list[LimitRecord]] = {}
    for limit_id, project_id, key_pk, metric, amount, per in (
        Limit.objects.filter(which, active=True)
        .order_by("id")
        .values_list("id", "project_id", "api_key_id", "metric", "amount", "per")
    ):
        found.setdefault((project_id, key_pk), []).append(
            LimitRecord(limit_id, metric, amount, SECONDS_PER[per], key_pk)
        )
    return {scope: tuple(limits) for scope, limits in found.items()}
