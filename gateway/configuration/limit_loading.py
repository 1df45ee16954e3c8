"""Limits out of the database: of projects and keys, or of single end users."""

from collections.abc import Collection, Mapping
from typing import Any

from django.db.models import Q

from gateway.configuration.records import LimitRecord
from tenants.models import Limit

# By project and key; without a key: those of the whole project.
Limits = Mapping[tuple[int, int | None], tuple[LimitRecord, ...]]

SECONDS_PER = {
    "": 0,
    Limit.Per.SECOND.value: 1,
    Limit.Per.MINUTE.value: 60,
    Limit.Per.HOUR.value: 3_600,
    Limit.Per.DAY.value: 86_400,
}

_LIMIT_COLUMNS = (
    "id",
    "metric",
    "amount",
    "per",
    "api_key_id",
    "end_user_id",
    "each_end_user",
    "alias",
    "shadow",
)


def read_limits(which: Q) -> Limits:
    """Return the limits that are not for one end user alone."""
    found: dict[tuple[int, int | None], list[LimitRecord]] = {}
    for project_id, *columns in (
        Limit.objects.filter(which, active=True, end_user=None)
        .order_by("id")
        .values_list("project_id", *_LIMIT_COLUMNS)
    ):
        limit = _limit(*columns)
        found.setdefault((project_id, limit.key_pk), []).append(limit)
    return {scope: tuple(limits) for scope, limits in found.items()}


def read_limits_of_end_users(
    pks: Collection[int],
) -> dict[int, tuple[LimitRecord, ...]]:
    found: dict[int, tuple[LimitRecord, ...]] = {}
    if not pks:
        return found
    for end_user_pk, *columns in (
        Limit.objects.filter(active=True, end_user_id__in=pks)
        .order_by("id")
        .values_list("end_user_id", *_LIMIT_COLUMNS)
    ):
        found[end_user_pk] = (*found.get(end_user_pk, ()), _limit(*columns))
    return found


def _limit(pk: int, metric: str, amount: int, per: str, *scope: Any) -> LimitRecord:
    return LimitRecord(pk, metric, amount, SECONDS_PER[per], *scope)
