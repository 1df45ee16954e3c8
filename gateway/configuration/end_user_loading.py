"""End users out of the database, with what is theirs alone: limits and credentials."""

from collections.abc import Collection

from django.db.models import Exists, OuterRef, Q

from gateway.configuration.alias_loading import read_end_users_credentials
from gateway.configuration.budget_loading import read_budgets_of_end_users
from gateway.configuration.limit_loading import read_limits_of_end_users
from gateway.configuration.records import EndUserRecord
from tenants.models import EndUser, Project


def read_end_users(
    asked: Collection[tuple[int, str]],
) -> tuple[dict[tuple[int, str], EndUserRecord], set[int]]:
    """Return those end users that there are, and the projects that have none at all."""
    names: dict[int, list[str]] = {}
    for project_id, name in asked:
        names.setdefault(project_id, []).append(name)
    which = Q(pk__in=())
    for project_id, of_project in names.items():
        which |= Q(project_id=project_id, external_id__in=of_project)
    rows = list(EndUser.objects.filter(which).order_by().values())
    known_projects = {row["project_id"] for row in rows}
    without = set(names) - known_projects
    if without:
        # One look-up in the index for each: some have a million.
        without -= set(
            Project.objects.filter(
                Exists(EndUser.objects.filter(project=OuterRef("pk"))), id__in=without
            ).values_list("id", flat=True)
        )
    pks = [row["id"] for row in rows]
    limits = read_limits_of_end_users(pks)
    budgets = read_budgets_of_end_users(pks)
    credentials = read_end_users_credentials(pks) if pks else {}
    return {
        (row["project_id"], row["external_id"]): EndUserRecord(
            pk=row["id"],
            project_id=row["project_id"],
            name=row["external_id"],
            active=row["active"],
            default_model=row["default_model"],
            preferred_provider=row["preferred_provider"],
            limits=limits.get(row["id"], ()),
            credentials=credentials.get(row["id"], {}),
            budgets=budgets.get(row["id"], ()),
            display_name=row["name"],
        )
        for row in rows
    }, without
