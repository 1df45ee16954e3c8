"""What usage is grouped and filtered by, as it is called outside and in the tables."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db.models import Q

from tenants.keys import PROJECT_PREFIX
from tenants.models import ApiKey, Organization, Project

COLUMNS: Mapping[str, str] = {
    "provider": "provider",
    "model": "model",
    "alias": "alias",
    "feature": "feature",
    "operation": "operation",
    "status": "status",
    "kind": "kind",
    "cache": "cache",
    "errorCode": "error_code",
    "apiKey": "api_key_id",
    "endUser": "end_user",
}
# Where more than one project is asked about.
WIDER: Mapping[str, str] = {
    **COLUMNS,
    "project": "project_id",
    "organization": "organization_id",
}


class NotThere(Exception):
    """A key, project or organization that is not within reach."""


def labels_of(column: str, values: Iterable[Any]) -> dict[Any, str]:
    """Return what the values of a column are called outside."""
    known = [value for value in values if value is not None]
    match column:
        case "api_key_id":
            keys = ApiKey.objects.filter(pk__in=known)
            return {key.pk: key.prefix for key in keys}
        case "project_id":
            return dict(Project.objects.filter(pk__in=known).values_list("pk", "slug"))
        case "organization_id":
            return dict(
                Organization.objects.filter(pk__in=known).values_list("pk", "slug")
            )
    return {value: str(value) for value in known}


def values_of(
    column: str, texts: Sequence[str], where: Mapping[str, Sequence[str | int]]
) -> Sequence[str | int]:
    """Return the values in a column for what they are called outside.

    Raises `NotThere` when nothing within `where` is called so.
    """
    match column:
        case "api_key_id":
            rows: Any = ApiKey.objects.filter(_within(where, "project__"))
            named = Q(
                key_id__in=[text.removeprefix(f"{PROJECT_PREFIX}_") for text in texts]
            )
        case "project_id":
            rows = Project.objects.filter(_within(where, ""))
            named = Q(slug__in=texts)
        case "organization_id":
            rows = Organization.objects.all()
            if "organization_id" in where:
                rows = rows.filter(pk__in=where["organization_id"])
            named = Q(slug__in=texts)
        case _:
            return texts
    numbers = [int(text) for text in texts if text.isdecimal() and len(text) < 19]
    found = list(rows.filter(named | Q(pk__in=numbers)).values_list("pk", flat=True))
    if not found:
        raise NotThere
    return found


def _within(where: Mapping[str, Sequence[str | int]], to_project: str) -> Q:
    condition = Q()
    if "organization_id" in where:
        condition &= Q(**{f"{to_project}organization_id__in": where["organization_id"]})
    if "project_id" in where:
        name = f"{to_project}pk" if not to_project else "project_id"
        condition &= Q(**{f"{name}__in": where["project_id"]})
    return condition
