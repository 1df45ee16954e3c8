"""Aliases and credentials as records: both belong to all projects, or to one."""

import logging
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from django.db.models import Q

from catalog.models import Alias, AliasTarget, Credential
from gateway.configuration.records import (
    AliasRecord,
    Caps,
    CredentialRecord,
    TargetRecord,
)
from tenants.encryption import Unsealable, unwrap
from tenants.models import DataKey

logger = logging.getLogger(__name__)


def read_aliases(owner: Q) -> dict[int | None, tuple[AliasRecord, ...]]:
    """Return the active aliases by project id; `owner` is a condition on `project`."""
    rows = list(Alias.objects.filter(owner, active=True).order_by("id").values())
    targets = _read_targets([row["id"] for row in rows])
    found: dict[int | None, list[AliasRecord]] = {}
    for row in rows:
        found.setdefault(row["project_id"], []).append(
            _alias(row, targets.get(row["id"], ()))
        )
    return {project: tuple(records) for project, records in found.items()}


def _read_targets(alias_ids: Collection[int]) -> dict[int, list[TargetRecord]]:
    found: dict[int, list[TargetRecord]] = {}
    for alias_id, *target in (
        AliasTarget.objects.filter(active=True, alias_id__in=alias_ids)
        .order_by("alias_id", "priority", "id")
        .values_list("alias_id", "model_id", "via_id", "priority", "weight")
    ):
        found.setdefault(alias_id, []).append(TargetRecord(*target))
    return found


def _alias(row: Mapping[str, Any], targets: Iterable[TargetRecord]) -> AliasRecord:
    return AliasRecord(
        id=row["id"],
        name=row["name"],
        operation=row["operation"],
        strategy=row["strategy"],
        required_capabilities=frozenset(row["required_capabilities"]),
        region=row["region"],
        defaults=row["defaults"],
        targets=tuple(targets),
        sticky=row["sticky"],
    )


_UNCAPPED = Caps(None, None, None)

Credentials = dict[int, tuple[CredentialRecord, ...]]


def read_credentials(owner: Q) -> dict[int | None, Credentials]:
    """Return, by project id and provider id, the credentials that can be presented.

    Those of end users are not among them.
    """
    found: dict[int | None, Credentials] = {}
    for row, record in _read_credentials(owner & Q(end_user=None)):
        _put(found.setdefault(row.project_id, {}), row.provider_id, record)
    return found


def read_end_users_credentials(end_users: Collection[int]) -> dict[int, Credentials]:
    """Return, by end user and provider id, the credentials that they brought."""
    found: dict[int, Credentials] = {}
    for row, record in _read_credentials(Q(end_user_id__in=end_users)):
        if row.end_user_id is not None:
            _put(found.setdefault(row.end_user_id, {}), row.provider_id, record)
    return found


def _put(found: Credentials, provider_id: int, record: CredentialRecord) -> None:
    found[provider_id] = (*found.get(provider_id, ()), record)


def _read_credentials(which: Q) -> Iterator[tuple[Credential, CredentialRecord]]:
    """Yield what can be presented.

    One that does not open is left out and logged: the others go on working.
    """
    rows = list(
        Credential.objects.filter(
            which, active=True, quarantined_at=None, provider__active=True
        ).order_by("id")
    )
    data_keys = _data_keys({row.project_id for row in rows if row.sealed is not None})
    for row in rows:
        record = _credential(row, data_keys)
        if record is not None:
            yield row, record


def _credential(
    row: Credential, data_keys: Mapping[int | None, DataKey]
) -> CredentialRecord | None:
    data_key = data_keys.get(row.project_id)
    if row.sealed is not None and data_key is None:
        logger.error("credential without its data key", extra={"credential": row.pk})
        return None
    try:
        secret = row.open(b"" if data_key is None else unwrap(data_key))
    except Unsealable:
        logger.exception("credential unreadable", extra={"credential": row.pk})
        return None
    if secret is None:
        return None
    return CredentialRecord(
        row.pk,
        secret,
        _caps(row),
        is_own=row.end_user_id is not None,
        base_url=row.base_url.rstrip("/"),
        deployments=row.deployments,
    )


def _caps(row: Credential) -> Caps | None:
    caps = Caps(row.requests_per_minute, row.tokens_per_minute, row.max_concurrency)
    return None if caps == _UNCAPPED else caps


def _data_keys(projects: Collection[int | None]) -> dict[int | None, DataKey]:
    if not projects:
        return {}
    wanted = Q(project_id__in=[each for each in projects if each is not None])
    if None in projects:
        wanted |= Q(project_id=None)
    return {row.project_id: row for row in DataKey.objects.filter(wanted)}
