"""Aliases and credentials as records: both belong to all projects, or to one."""

import logging
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from django.db.models import Q

from catalog.models import Alias, AliasTarget, Credential
from gateway.configuration.records import AliasRecord, CredentialRecord, TargetRecord
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


Credentials = dict[int, tuple[CredentialRecord, ...]]


def read_credentials(owner: Q) -> dict[int | None, Credentials]:
    """Return, by project id and provider id, the credentials that can be presented.

    One that does not open is left out and logged: the others go on working.
    """
    rows = list(
        Credential.objects.filter(
            owner, active=True, quarantined_at=None, provider__active=True
        ).order_by("id")
    )
    data_keys = _data_keys({row.project_id for row in rows if row.sealed is not None})
    found: dict[int | None, Credentials] = {}
    for row in rows:
        record = _credential(row, data_keys)
        if record is not None:
            of_project = found.setdefault(row.project_id, {})
            of_project[row.provider_id] = (
                *of_project.get(row.provider_id, ()),
                record,
            )
    return found


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
    return None if secret is None else CredentialRecord(row.pk, secret)


def _data_keys(projects: Collection[int | None]) -> dict[int | None, DataKey]:
    if not projects:
        return {}
    wanted = Q(project_id__in=[each for each in projects if each is not None])
    if None in projects:
        wanted |= Q(project_id=None)
    return {row.project_id: row for row in DataKey.objects.filter(wanted)}
