"""Reading the audit: who changed what, when, from which value to which.

It is kept by database triggers, and whole, for versions of the configuration are read from
it. Where ORCHESTRATOR_ENABLE_AUDIT is off, nobody is shown any of it.

Every audited model has an event table of its own. They are read side by side, newest
first, each along its primary key, so that a page costs the same however much there is.
"""

import heapq
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import pghistory.core
from django.apps import apps
from django.conf import settings
from django.db import models
from django.db.models import Q, QuerySet
from pghistory.models import Context

from tenants.access import access_to, seen_by
from tenants.audit_entries import Entry, as_entries, parent_field
from tenants.models import Role
from tenants.roles import Reach, includes

PAGE = 50
# Whoever may change a configuration may read who did.
SEEN_BY = Role.OPERATOR
_NAMED_BY = ("slug", "name", "model_id", "key_id", "pattern")


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
        parent = parent_field(event.pgh_tracked_model)
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
    return as_entries(page), older


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
    if not _names(model) and (parent := parent_field(model)) is not None:
        model, prefix = parent.related_model, f"{parent.name}__"
    condition = Q(pk__in=[])
    for name in _names(model):
        condition |= Q(**{f"{prefix}{name}__icontains": text})
    return condition


def _names(model: type[models.Model]) -> list[str]:
    known = {column.name for column in model._meta.concrete_fields}
    return [name for name in _NAMED_BY if name in known]


def model_named(label: str) -> type[models.Model] | None:
    """Return the audited model of that label, or None."""
    try:
        model = apps.get_model(label)
    except (LookupError, ValueError):
        return None
    return model if model in audited_models() else None
