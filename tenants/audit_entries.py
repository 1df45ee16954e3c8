"""What an event of the audit tells: whose row it is, who changed it, and which values."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ObjectDoesNotExist
from django.db import models
from django.db.models import OuterRef, Subquery

from tenants.row_texts import Texts


@dataclass(frozen=True, slots=True)
class Change:
    field: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One change of one row."""

    at: datetime
    action: str
    kind: str
    model: type[models.Model]
    object_id: str
    name: str
    parent: str
    actor: str
    place: str
    changes: list[Change] = field(default_factory=list)


def as_entries(events: list[Any]) -> list[Entry]:
    """Return what the events tell, reading what several need only once."""
    actors = _actors(events)
    befores = _events_before(events)
    texts = Texts()
    return [
        Entry(
            at=event.pgh_created_at,
            action=event.pgh_label,
            kind=str(event.pgh_tracked_model._meta.verbose_name),
            model=event.pgh_tracked_model,
            object_id=str(event.pgh_obj_id),
            name=texts.name(_row_of(event)),
            parent=_parent_of(event, texts),
            actor=_actor_of(event, actors),
            place=_metadata(event).get("url") or "",
            changes=list(
                _changes(event, befores.get((type(event), event.pgh_id)), texts)
            ),
        )
        for event in events
    ]


def _metadata(event: Any) -> dict[str, Any]:
    try:
        context = event.pgh_context
    except ObjectDoesNotExist:
        return {}
    return dict(context.metadata) if context is not None else {}


def _actors(events: list[Any]) -> dict[Any, str]:
    users = (_metadata(event).get("user") for event in events)
    ids = {user for user in users if user is not None}
    return {
        user.pk: user.get_username()
        for user in get_user_model()._default_manager.filter(pk__in=ids)
    }


def _actor_of(event: Any, actors: dict[Any, str]) -> str:
    metadata = _metadata(event)
    user = metadata.get("user")
    if user is not None:
        name = actors.get(user, f"user {user}")
        token = metadata.get("operator_token")
        return f"{name} ({token}…)" if token else name
    for name in ("actor", "command", "task"):
        if metadata.get(name):
            return str(metadata[name])
    return "outside the admin"


def _row_of(event: Any) -> models.Model:
    model: type[models.Model] = event.pgh_tracked_model
    recorded = {column.attname for column in event._meta.concrete_fields}
    row = model(
        **{
            column.attname: getattr(event, column.attname)
            for column in model._meta.concrete_fields
            if column.attname in recorded
        }
    )
    row.pk = event.pgh_obj_id
    return row


def _parent_of(event: Any, texts: Texts) -> str:
    parent = parent_field(event.pgh_tracked_model)
    if parent is None or (pk := getattr(event, parent.attname)) is None:
        return ""
    return f"{parent.verbose_name} {texts.of(parent.related_model, pk)}"


def _changes(event: Any, before: Any, texts: Texts) -> Iterator[Change]:
    gone = event.pgh_label == "delete"
    for column in event.pgh_tracked_model._meta.concrete_fields:
        if column.primary_key or not hasattr(event, column.attname):
            continue
        old = None if before is None else getattr(before, column.attname)
        new = None if gone else getattr(event, column.attname)
        if gone and before is None:
            old = getattr(event, column.attname)
        if old == new:
            continue
        old_text, new_text = texts.value(column, old), texts.value(column, new)
        if old_text != new_text:
            yield Change(str(column.verbose_name), old_text, new_text)


def _events_before(events: list[Any]) -> dict[tuple[Any, int], Any]:
    """Return what each row was before the event, in one query for each kind of row."""
    ids: dict[Any, list[int]] = {}
    for event in events:
        if event.pgh_label != "insert":
            ids.setdefault(type(event), []).append(event.pgh_id)
    found = {}
    for model, wanted in ids.items():
        earlier = model.objects.filter(
            pgh_obj_id=OuterRef("pgh_obj_id"), pgh_id__lt=OuterRef("pgh_id")
        ).order_by("-pgh_id")
        pairs = dict(
            model.objects.filter(pgh_id__in=wanted)
            .annotate(before_id=Subquery(earlier.values("pgh_id")[:1]))
            .values_list("pgh_id", "before_id")
        )
        rows = model.objects.in_bulk({key for key in pairs.values() if key is not None})
        found.update({(model, key): rows.get(at) for key, at in pairs.items()})
    return found


def parent_field(model: type[models.Model]) -> Any:
    """Return the first foreign key: what a row of the model belongs to."""
    for column in model._meta.concrete_fields:
        if isinstance(column, models.ForeignKey) and column.related_model is not model:
            return column
    return None
