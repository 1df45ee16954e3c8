"""Budgets out of the database, by the project whose requests they are for."""

from collections.abc import Collection, Mapping
from typing import Any

from django.db.models import Q

from gateway.configuration.records import BudgetRecord
from tenants.models import Budget

# As the database counts them: a bigint holds no more.
MOST_NANO = 9 * 10**18


_COLUMNS = (
    "id",
    "project_id",
    "organization_id",
    "amount_usd",
    "per",
    "mode",
    "api_key_id",
    "end_user_id",
    "end_user__external_id",
    "each_end_user",
    "alias",
    "project__time_zone",
    "organization__time_zone",
)


def read_budgets(
    organizations: Mapping[int, int],
) -> Mapping[int, tuple[BudgetRecord, ...]]:
    """Return the active budgets of projects, those of their organizations included.

    `organizations` has the projects, each with its own.
    Those of one end user alone are not among them: a project may have a million.
    """
    of_project: dict[int, list[BudgetRecord]] = {}
    of_organization: dict[int, list[BudgetRecord]] = {}
    for row in (
        Budget.objects.filter(
            Q(project_id__in=organizations.keys())
            | Q(organization_id__in=set(organizations.values())),
            active=True,
            end_user=None,
        )
        .order_by("id")
        .values(*_COLUMNS)
    ):
        record = _record(row)
        if row["project_id"] is None:
            of_organization.setdefault(row["organization_id"], []).append(record)
        else:
            of_project.setdefault(row["project_id"], []).append(record)
    return {
        project_id: (
            *of_project.get(project_id, ()),
            *of_organization.get(organization_id, ()),
        )
        for project_id, organization_id in organizations.items()
    }


def read_budgets_of_end_users(
    pks: Collection[int],
) -> Mapping[int, tuple[BudgetRecord, ...]]:
    """Return the active budgets that are for one end user alone, by end user."""
    found: dict[int, tuple[BudgetRecord, ...]] = {}
    if not pks:
        return found
    for row in (
        Budget.objects.filter(active=True, end_user_id__in=pks)
        .order_by("id")
        .values(*_COLUMNS)
    ):
        pk = row["end_user_id"]
        found[pk] = (*found.get(pk, ()), _record(row))
    return found


def _record(row: Mapping[str, Any]) -> BudgetRecord:
    return BudgetRecord(
        id=row["id"],
        amount_nano=min(int(row["amount_usd"].scaleb(9)), MOST_NANO),
        per=row["per"],
        mode=row["mode"],
        time_zone=row["project__time_zone"] or row["organization__time_zone"],
        key_pk=row["api_key_id"],
        end_user=row["end_user__external_id"] or "",
        each_end_user=row["each_end_user"],
        alias=row["alias"],
        of_organization=row["project_id"] is None,
    )
