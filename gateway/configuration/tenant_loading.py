"""Keys and their projects out of the database: many keys in one handful of queries."""

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from ipaddress import ip_network
from typing import Any

from django.db.models import F, Q

from gateway.configuration.alias_loading import (
    Credentials,
    read_aliases,
    read_credentials,
)
from gateway.configuration.budget_loading import read_budgets
from gateway.configuration.context_scope_loading import read_context_scopes
from gateway.configuration.holdings import Holdings, read_holdings
from gateway.configuration.limit_loading import Limits, read_limits
from gateway.configuration.own_model_loading import read_own_models
from gateway.configuration.own_models import OwnModels
from gateway.configuration.records import (
    AliasRecord,
    BudgetRecord,
    KeyRecord,
    LimitRecord,
    ProjectRecord,
)
from tenants.context.scopes import ScopeRules
from tenants.models import ApiKey, Project

logger = logging.getLogger(__name__)

# So many keys in a row may follow one another while the first still works.
_MAX_ROTATIONS = 10


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
        ).values(
            "id",
            "key_id",
            "digest",
            "scopes",
            "aliases",
            "allowed_networks",
            "expires_at",
            "rotated_to_id",
            "project_id",
        )
    )
    if not rows:
        return {}
    holders = _holders(rows)
    holdings = read_holdings({row["project_id"] for row in rows})
    projects: dict[int, ProjectRecord] = {}
    unknown: set[int] = set()
    for project_id in {row["project_id"] for row in rows}:
        if (known := known_project(project_id)) is not None:
            projects[project_id] = known
        else:
            unknown.add(project_id)
    limits: Limits = {}
    if holdings.limits:
        limits = read_limits(
            Q(api_key_id__in=set(holders.values()))
            | Q(api_key=None, project_id__in=unknown)
        )
    projects |= _read_projects(unknown, limits, holdings)
    return {
        row["key_id"]: _key(
            row, projects[row["project_id"]], holders[row["id"]], limits
        )
        for row in rows
        if row["project_id"] in projects
    }


def lately_used_keys(number: int) -> list[str]:
    """Return the ids of the keys that were used last; the newest, where that is not known."""
    last_used = F("use__last_used_at").desc(nulls_last=True)
    found = ApiKey.objects.filter(revoked_at=None).order_by(last_used, "-id")
    return list(found.values_list("key_id", flat=True)[:number])


def _holders(rows: Iterable[Mapping[str, Any]]) -> dict[int, int]:
    """Return by key the one whose limits count: the newest that it was rotated to."""
    holders = {row["id"]: row["rotated_to_id"] or row["id"] for row in rows}
    for _ in range(_MAX_ROTATIONS):
        asked = {to for pk, to in holders.items() if to != pk}
        if not asked:
            break
        next_of = dict(
            ApiKey.objects.filter(id__in=asked, rotated_to__isnull=False).values_list(
                "id", "rotated_to_id"
            )
        )
        if not next_of:
            break
        holders = {pk: next_of.get(to, to) for pk, to in holders.items()}
    return holders


def _key(
    row: Mapping[str, Any],
    project: ProjectRecord,
    holder_pk: int,
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
        limits=limits.get((project.id, holder_pk), ()),
        aliases=frozenset(row["aliases"]),
        networks=tuple(map(ip_network, row["allowed_networks"])),
        holder_pk=holder_pk,
    )


def read_project(project_id: int) -> ProjectRecord | None:
    """Return one project, whatever its keys; None when there is none."""
    limits = read_limits(Q(api_key=None, project_id=project_id))
    holdings = read_holdings({project_id})
    return _read_projects({project_id}, limits, holdings).get(project_id)


def _read_projects(
    project_ids: Collection[int], limits: Limits, holdings: Holdings
) -> dict[int, ProjectRecord]:
    if not project_ids:
        return {}
    rows = list(Project.objects.filter(id__in=project_ids).values())
    owner = Q(project_id__in=project_ids)
    aliases = read_aliases(owner) if holdings.aliases else {}
    credentials = read_credentials(owner) if holdings.credentials else {}
    own_models = read_own_models(project_ids) if holdings.own_models else {}
    organizations = {row["id"]: row["organization_id"] for row in rows}
    budgets = read_budgets(organizations) if holdings.budgets else {}
    scopes = read_context_scopes(project_ids) if holdings.context_scopes else {}
    return {
        row["id"]: _project(
            row,
            limits.get((row["id"], None), ()),
            aliases.get(row["id"], ()),
            credentials.get(row["id"], {}),
            own_models.get(row["id"]),
            budgets.get(row["id"], ()),
            scopes.get(row["id"], {}),
        )
        for row in rows
    }


def _project(
    row: Mapping[str, Any],
    limits: tuple[LimitRecord, ...],
    aliases: Sequence[AliasRecord],
    credentials: Credentials,
    own_models: OwnModels | None,
    budgets: tuple[BudgetRecord, ...],
    context_scopes: Mapping[str, ScopeRules],
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
        capture_retention_days=row["capture_retention_days"],
        capture_redactions=tuple(row["capture_redactions"]),
        limits=limits,
        aliases={alias.name: alias for alias in aliases},
        aliases_by_pk={alias.id: alias for alias in aliases},
        credentials=credentials,
        own_models=own_models,
        budgets=budgets,
        fallback_on_content_policy=row["fallback_on_content_policy"],
        strategy=row["strategy"],
        cache_purges=row["cache_purges"],
        context_scopes=context_scopes,
        time_zone=row["time_zone"],
    )
