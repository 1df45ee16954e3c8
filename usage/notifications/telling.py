"""Telling people something: a row for what is told, and one for each channel it goes to."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from tenants.models import Organization, Project
from usage.models import Delivery, Notification, NotificationChannel


@dataclass(frozen=True, slots=True)
class News:
    """What to tell. `once` names rule, subject and window: it is told once for each.

    `link` is a path of the admin. Neither holds anything that a request or an answer
    said.
    """

    topic: str
    once: str
    title: str
    text: str = ""
    link: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


def tell_one(news: News, channel: NotificationChannel) -> Notification:
    """Tell one channel alone, whatever it wants to be told."""
    with transaction.atomic():
        notification = Notification.objects.create(
            **_columns(news),
            once=news.once[:300],
            organization=channel.organization,
            project=channel.project,
        )
        _send_to([channel], notification)
    return notification


def tell(
    news: News,
    *,
    organization: Organization | None = None,
    project: Project | None = None,
    channels: Iterable[NotificationChannel] | None = None,
) -> Notification | None:
    """Keep the news for every channel that wants it; None when it was told before.

    With `channels` it goes to these and no others.
    """
    if project is not None:
        organization = project.organization
    with transaction.atomic():
        notification, is_new = Notification.objects.get_or_create(
            once=news.once[:300],
            defaults={
                **_columns(news),
                "organization": organization,
                "project": project,
            },
        )
        if not is_new:
            return None
        if channels is None:
            channels = channels_for(news.topic, organization, project)
        _send_to(channels, notification)
    return notification


def _columns(news: News) -> dict[str, Any]:
    return {
        "topic": news.topic,
        "title": news.title[:300],
        "text": news.text,
        "link": f"{settings.PUBLIC_URL}{news.link}" if news.link else "",
        "facts": news.facts,
    }


def _send_to(
    channels: Iterable[NotificationChannel], notification: Notification
) -> None:
    now = timezone.now()
    Delivery.objects.bulk_create(
        Delivery(notification=notification, channel=channel, next_attempt_at=now)
        for channel in channels
    )


def channels_for(
    topic: str, organization: Organization | None, project: Project | None
) -> list[NotificationChannel]:
    """Return the channels of the project, its organization and the installation."""
    owners = Q(organization=None)
    if organization is not None:
        owners |= Q(organization=organization, project=None)
    if project is not None:
        owners |= Q(project=project)
    found = NotificationChannel.objects.filter(owners, active=True)
    return [row for row in found if not row.topics or topic in row.topics]
