"""What rows were at a version, told by the audit.

A transaction is part of a version when the last of its own changes is not newer. So a
version is whole transactions: those under way at its moment are later ones. Of one row,
changes never overtake each other, for the row was locked; so the last event of a row
among those that count is what it was.
"""

from collections.abc import Iterable
from typing import Any

from django.db.models import Model, Q

from catalog.versions.kinds import event_models
from catalog.versions.listing import Version
from tenants.models import ConfigChange

Rows = dict[Any, Model]


def touched_since(label: str, version: Version) -> set[Any]:
    """Return the ids of rows of a kind that changed after the version."""
    events: Any = event_models()[label]._default_manager
    return set(events.filter(_later_than(version)).values_list("pgh_obj_id", flat=True))


def rows_at(label: str, version: Version, ids: Iterable[Any]) -> Rows:
    """Return those of the rows that there were at the version, as they were."""
    events: Any = event_models()[label]._default_manager
    last = (
        events.filter(pgh_obj_id__in=set(ids))
        .exclude(_later_than(version))
        .order_by("pgh_obj_id", "-pgh_id")
        .distinct("pgh_obj_id")
    )
    return {
        event.pgh_obj_id: as_row(event) for event in last if event.pgh_label != "delete"
    }


def rows_now(label: str, ids: Iterable[Any]) -> Rows:
    manager: Any = event_models()[label].pgh_tracked_model._base_manager  # type: ignore[attr-defined]
    return dict(manager.in_bulk(set(ids)))


def recorded_fields(label: str) -> list[str]:
    """Return the columns that the audit keeps of a kind of row, but for its id."""
    event = event_models()[label]
    kept = {column.attname for column in event._meta.concrete_fields}
    model: type[Model] = event.pgh_tracked_model  # type: ignore[attr-defined]
    return [
        column.attname
        for column in model._meta.concrete_fields
        if column.attname in kept and not column.primary_key
    ]


def as_row(event: Any) -> Model:
    """Return the row that an event tells of, not saved."""
    model: type[Model] = event.pgh_tracked_model
    label = model._meta.label_lower
    row = model(**{name: getattr(event, name) for name in recorded_fields(label)})
    row.pk = event.pgh_obj_id
    return row


def _later_than(version: Version) -> Q:
    """Return what events fulfil that belong to later versions.

    Some rows announce no version when they change: their moment has to tell.
    """
    moments = ConfigChange.objects.values("transaction_at")
    return Q(pgh_created_at__in=moments.filter(id__gt=version.number)) | (
        Q(pgh_created_at__gt=version.at)
        & ~Q(pgh_created_at__in=moments.filter(id__lte=version.number))
    )
