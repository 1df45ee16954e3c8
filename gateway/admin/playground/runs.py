"""Who tried what, on whose account: written down before anybody is asked."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import AbstractBaseUser
from django.contrib.contenttypes.models import ContentType
from django.db.models import CharField
from django.db.models.functions import Cast

from gateway.admin.playground.forms import SPENDS, projects_to_spend_of
from gateway.admin.playground.places import Composed
from tenants.models import Project
from tenants.roles import Reach

_MARK = "Playground run "
_SHOWN = 10


@dataclass(frozen=True, slots=True)
class PastRun:
    at: datetime
    who: str
    project: str
    request_id: str
    what: str


def record_run(
    user: AbstractBaseUser, project: Project, composed: Composed, request_id: str
) -> None:
    """Write a run down. What was said is not part of it."""
    place = composed.place
    asked = composed.model or "the default alias"
    LogEntry.objects.create(
        user_id=user.pk,
        content_type=ContentType.objects.get_for_model(Project),
        object_id=str(project.pk),
        object_repr=project.slug,
        action_flag=CHANGE,
        change_message=f"{_MARK}{request_id}: {place.dialect} {place.name}, {asked}",
    )


def past_runs(reach: Reach) -> Iterator[PastRun]:
    """Yield the last runs on account of projects that somebody may spend for."""
    entries: Any = LogEntry.objects.filter(
        content_type=ContentType.objects.get_for_model(Project),
        change_message__startswith=_MARK,
    )
    if reach.organization_ids(SPENDS) is not None:
        keys = projects_to_spend_of(reach).annotate(key=Cast("pk", CharField()))
        entries = entries.filter(object_id__in=keys.values("key"))
    for entry in entries.select_related("user").order_by("-action_time")[:_SHOWN]:
        request_id, _, what = entry.change_message.removeprefix(_MARK).partition(": ")
        yield PastRun(
            entry.action_time,
            entry.user.get_username(),
            entry.object_repr,
            request_id,
            what,
        )
