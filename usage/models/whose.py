"""Rows of an organization or of one of its projects, and the channels they name."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError

from usage.models.notification import NotificationChannel


def settle_organization(row: Any) -> None:
    """Take the organization of the row's project, and refuse another one beside it."""
    if row.project is None:
        return
    if row.organization is None:
        row.organization = row.project.organization
    if row.project.organization_id != row.organization_id:
        msg = "The project belongs to another organization."
        raise ValidationError({"project": msg})


def check_channel(row: Any, channel: NotificationChannel, field: str) -> None:
    """Refuse a channel that belongs to somebody else than the row."""
    if channel.organization_id not in {
        None,
        row.organization_id,
    } or channel.project_id not in {None, row.project_id}:
        msg = "The channel is another organization's, or another project's."
        raise ValidationError({field: msg})
