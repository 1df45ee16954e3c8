"""Rows of an organization or of one of its projects."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import UniqueConstraint


def once_per_name(kind: str, called: str) -> UniqueConstraint:
    """Keep the rows of one owner from having the same name."""
    return UniqueConstraint(
        fields=["organization", "project", "name"],
        nulls_distinct=False,
        name=f"{kind}_once_per_name",
        violation_error_message=f"There is a {called} of this name already.",
    )


def settle_organization(row: Any) -> None:
    """Take the organization of the row's project, and refuse another one beside it."""
    if row.project is None:
        return
    if row.organization is None:
        row.organization = row.project.organization
    if row.project.organization_id != row.organization_id:
        msg = "The project belongs to another organization."
        raise ValidationError({"project": msg})
