"""Reading the audit: who changed what, when, from which value to which.

It is kept by database triggers, and whole, for versions of the configuration are read from
it. Where ORCHESTRATOR_ENABLE_AUDIT is off, nobody is shown any of it.

Every audited model has an event table of its own. They are read side by side, newest
first, each along its primary key, so that a page costs the same however much there is.
"""

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pghistory.core
from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.exceptions import ObjectDoesNotExist
from django.db import models
from django.db.models import OuterRef, Q, QuerySet, Subquery
from pghistory.models import Context

from tenants.access import access_to, seen_by
from tenants.models import Role
from tenants.roles import Reach, includes
from tenants.row_texts import Texts

PAGE = 50
# Whoever may change a configuration may read who did.
SEEN_BY = Role.OPERATOR
_NAMED_BY = ("slug", "name", "model_id", "key_id", "pattern")


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


def audited_models() -> list[type[models.Model]]:
    return sorted(
        (event.pgh_tracked_model for event in _event_models()),
        key=lambda model: str(model._meta.verbose_name).lower(),
    )


def entries(
    *,
    model: type[models.Model] | None = None,
    action: str = "",
    user_id: int | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    text: str = "",
) -> list[QuerySet[Any]]:
    """Return the event rows that fit, one query for each kind of row."""
    found: list[QuerySet[Any]] = []
    if not settings.AUDIT_ENABLED:
        return found
    for event in _event_models():
        if model is not None and event.pgh_tracked_model is not model:
            continue
        rows = event.objects.all()
        if action:
            rows = rows.filter(pgh_label=action)
        if since is not None:
            rows = rows.filter(pgh_created_at__gte=since)
        if until is not None:
            rows = rows.filter(pgh_created_at__lte=until)
        if user_id is not None:
            contexts = Context.objects.filter(metadata__user=user_id)
            rows = rows.filter(pgh_context_id__in=contexts.values("id"))
        if text:
            rows = rows.filter(_named(event, text))
        found.append(rows)
    return found


def entries_of(row: models.Model) -> list[QuerySet[Any]]:
    """Return the events of a row and of the rows that belong to it."""
    found: list[QuerySet[Any]] = []
    if not settings.AUDIT_ENABLED:
        return found
    for event in _event_models():
        if event.pgh_tracked_model is type(row):
            found.append(event.objects.filter(pgh_obj_id=row.pk))
            continue
        parent = _parent_field(event.pgh_tracked_model)
        if parent is not None and parent.related_model is type(row):
            found.append(event.objects.filter(**{parent.attname: row.pk}))
    return found


def audited_within(reach: Reach, model: type[models.Model]) -> Q:
    """Return what the audit's rows of a model fulfil that somebody may read.

    Shared rows are left out: the owner of one that is gone cannot be told from none.
    """
    access = access_to(model)
    needed = SEEN_BY
    if access is not None and includes(access.view, needed):
        needed = access.view
    return seen_by(reach, model, role=needed, shared=False)


def page_of(
    sources: list[QuerySet[Any]], before: str = "", size: int = PAGE
) -> tuple[list[Entry], str]:
    """Return a page of entries, newest first, and where the next page begins.

    Each source is read from where the page before ended; `before` says where that was.
    """
    positions = _parse_positions(before)
    streams: list[Iterable[Any]] = []
    for rows in sources:
        key = _key(rows.model)
        if key in positions:
            rows = rows.filter(pgh_id__lt=positions[key])
        streams.append(
            rows.select_related("pgh_context").order_by("-pgh_id")[: size + 1]
        )
    merged = heapq.merge(*streams, key=lambda event: event.pgh_created_at, reverse=True)
    events = [event for event, _ in zip(merged, range(size + 1), strict=False)]
    page = events[:size]
    for event in page:
        positions[_key(type(event))] = event.pgh_id
    more = len(events) > size
    older = "-".join(f"{key}.{at}" for key, at in positions.items()) if more else ""
    return _as_entries(page), older


def _event_models() -> list[Any]:
    return sorted(pghistory.core.event_models(), key=_key)


def _key(event_model: type[models.Model]) -> str:
    return str(event_model._meta.model_name)


def _parse_positions(text: str) -> dict[str, int]:
    positions = {}
    for part in text.split("-"):
        key, _, at = part.partition(".")
        if at.isdecimal():
            positions[key] = int(at)
    return positions


def _named(event: Any, text: str) -> Q:
    """Match the name of the row, or of its parent when it has none of its own."""
    model, prefix = event.pgh_tracked_model, ""
    if not _names(model) and (parent := _parent_field(model)) is not None:
        model, prefix = parent.related_model, f"{parent.name}__"
    condition = Q(pk__in=[])
    for name in _names(model):
        condition |= Q(**{f"{prefix}{name}__icontains": text})
    return condition


def _names(model: type[models.Model]) -> list[str]:
    known = {column.name for column in model._meta.concrete_fields}
    return [name for name in _NAMED_BY if name in known]


def _parent_field(model: type[models.Model]) -> Any:
    """Return the first foreign key: what a row of the model belongs to."""
    for column in model._meta.concrete_fields:
        if isinstance(column, models.ForeignKey) and column.related_model is not model:
            return column
    return None


def _as_entries(events: list[Any]) -> list[Entry]:
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
    parent = _parent_field(event.pgh_tracked_model)
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


def model_named(label: str) -> type[models.Model] | None:
    """Return the audited model of that label, or None."""
    try:
        model = apps.get_model(label)
    except (LookupError, ValueError):
        return None
    return model if model in audited_models() else None
