"""Going through the rules and telling what they find."""

import logging
from collections.abc import Sequence
from datetime import timedelta

from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from tenants.models import Organization
from usage.alerts.findings import Finding
from usage.alerts.rules import KINDS
from usage.models import (
    Alert,
    AlertRule,
    AlertSilence,
    BudgetWarning,
    Notification,
    NotificationChannel,
)
from usage.notifications.telling import News, channels_for, tell

logger = logging.getLogger(__name__)

_TIMEOUT = "10s"


def watch() -> int:
    """Tell what is new, and return how much that was. One rule that fails stops no other."""
    told = 0
    began = timezone.now()
    rules = AlertRule.objects.filter(active=True).select_related(
        "organization", "project__organization", "channel"
    )
    for rule in rules.order_by("pk"):
        try:
            for finding in _unsettled(rule, _findings(rule)):
                told += _tell_once(rule, finding)
        except Exception:
            logger.exception("alert rule failed", extra={"rule": rule.pk})
    BudgetWarning.objects.filter(told_at=None, created_at__lt=began).update(
        told_at=began
    )
    return told


def _findings(rule: AlertRule) -> list[Finding]:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [_TIMEOUT])
        return list(KINDS[rule.kind].find(rule))


def _unsettled(rule: AlertRule, findings: Sequence[Finding]) -> list[Finding]:
    """Return those that may be news: most of what is found has been told long ago."""
    known = {_once(rule, finding) for finding in findings if finding.window is not None}
    settled = set(
        Alert.objects.filter(
            Q(notification__isnull=False) | Q(silence=None), rule=rule, once__in=known
        ).values_list("once", flat=True)
    )
    return [finding for finding in findings if _once(rule, finding) not in settled]


@transaction.atomic
def _tell_once(rule: AlertRule, finding: Finding) -> bool:
    """Keep the finding, and tell it unless that was done, or nobody wants to hear it."""
    with connection.cursor() as cursor:
        # Two that look at once would both find it new where a window begins.
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))",
            [f"usage.alerts {rule.pk}"],
        )
    alert = _known(rule, finding)
    if alert is not None and (alert.notification_id or not alert.silence_id):
        return False
    silences = _silences(rule, finding)
    channels, is_spared = _channels(rule, finding, silences)
    if alert is None:
        alert = Alert.objects.create(
            rule=rule,
            kind=rule.kind,
            organization=_organization_of(finding),
            project=finding.project,
            subject=finding.subject[:200],
            once=_once(rule, finding),
            title=finding.title[:300],
            facts=finding.facts,
            silence=silences[0] if is_spared else None,
        )
    if is_spared:
        return False
    alert.notification = _tell(rule, finding, alert, channels)
    alert.silence = None
    alert.save(update_fields=["notification", "silence"])
    return alert.notification is not None


def _known(rule: AlertRule, finding: Finding) -> Alert | None:
    """Return what was made of the finding before, in its window."""
    same = Alert.objects.filter(rule=rule)
    if finding.window is not None:
        return same.filter(once=_once(rule, finding)).first()
    since = timezone.now() - timedelta(minutes=rule.window_minutes)
    return same.filter(subject=finding.subject[:200], created_at__gt=since).first()


def _once(rule: AlertRule, finding: Finding) -> str:
    window = finding.window
    if window is None:
        window = f"{timezone.now():%Y-%m-%dT%H:%M:%S.%f}"
    return f"{rule.pk}:{finding.subject[:200]}:{window}"[:300]


def _silences(rule: AlertRule, finding: Finding) -> list[AlertSilence]:
    organization = _organization_of(finding)
    found = AlertSilence.objects.in_force().filter(
        Q(organization=None) | Q(organization=organization),
        Q(project=None) | Q(project=finding.project),
        Q(rule=None) | Q(rule=rule),
        Q(subject="") | Q(subject=finding.subject[:200]),
    )
    return list(found)


def _channels(
    rule: AlertRule, finding: Finding, silences: Sequence[AlertSilence]
) -> tuple[list[NotificationChannel], bool]:
    """Return whom to tell, and whether that is nobody because of the silences."""
    if rule.channel is not None:
        channels = [rule.channel] if rule.channel.active else []
    else:
        topic = KINDS[rule.kind].topic
        channels = channels_for(topic, _organization_of(finding), finding.project)
    kept = [
        channel
        for channel in channels
        if not any(silence.covers(channel) for silence in silences)
    ]
    return kept, bool(silences) and not kept


def _tell(
    rule: AlertRule,
    finding: Finding,
    alert: Alert,
    channels: Sequence[NotificationChannel],
) -> Notification | None:
    news = News(
        topic=KINDS[rule.kind].topic.value,
        once=f"alert:{alert.once}",
        title=finding.title,
        text=finding.text,
        link=finding.link,
        facts={"rule": rule.name, "subject": finding.subject, **finding.facts},
    )
    return tell(
        news,
        organization=finding.organization,
        project=finding.project,
        channels=channels,
    )


def _organization_of(finding: Finding) -> Organization | None:
    if finding.project is not None:
        return finding.project.organization
    return finding.organization
