"""Definitions of reports, and usage for them to tell of."""

import uuid
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from django.utils import timezone

from tenants.models import Project
from usage.models import ReportDefinition, TouchedHour, UsageEvent
from usage.rollups import roll_up

# Provider, model, USD for one answer, milliseconds for one.
MODELS = (
    ("acme", "large-2", Decimal("0.0213"), 2400),
    ("acme", "small", Decimal("0.0012"), 700),
    ("zeta", "vision-1", Decimal("0.0087"), 1600),
)


def define(**fields: Any) -> ReportDefinition:
    """Return a daily report that was defined three days ago."""
    row = ReportDefinition(
        **{"name": "Figures", "period": "day", "hour": 0, "time_zone": "UTC", **fields}
    )
    row.full_clean()
    row.save()
    ReportDefinition.objects.filter(pk=row.pk).update(
        created_at=timezone.now() - timedelta(days=3)
    )
    row.refresh_from_db()
    return row


def use(project: Project, begin: datetime, days: int, an_hour: int = 4) -> int:
    """Have the models called, more by day than by night, and sum it up."""
    random = Random(7)
    events: list[UsageEvent] = []
    for number in range(days * 24):
        hour = begin + timedelta(hours=number)
        busy = an_hour if 7 <= hour.hour < 19 else an_hour // 3
        count = random.randint(busy, 2 * busy)
        events.extend(_event(project, hour, random) for _ in range(count))
    UsageEvent.objects.bulk_create(events)
    TouchedHour.objects.bulk_create(
        TouchedHour(hour=begin + timedelta(hours=number)) for number in range(days * 24)
    )
    roll_up()
    return len(events)


def _event(project: Project, hour: datetime, random: Random) -> UsageEvent:
    provider, model, cost, latency = random.choices(MODELS, (5, 3, 2))[0]
    failed, hit = random.random() < 0.04, random.random() < 0.18
    spent = Decimal(0) if failed or hit else cost
    return UsageEvent(
        id=uuid.uuid4(),
        request_id=uuid.uuid4(),
        occurred_at=hour + timedelta(seconds=random.randrange(3600)),
        organization_id=project.organization_id,
        project_id=project.pk,
        kind="cache_hit" if hit else "attempt",
        operation="chat",
        dialect="openai_chat",
        provider=provider,
        model=model,
        feature=random.choice(["assistant", "summaries", "search"]),
        status="failed" if failed and not hit else "ok",
        http_status=503 if failed else 200,
        error_code=random.choice(["upstream_error", "upstream_timeout"])
        if failed and not hit
        else "",
        input_tokens=0 if failed else random.randint(200, 4000),
        output_tokens=0 if failed else random.randint(50, 900),
        cost_usd=spent,
        saved_usd=cost if hit else None,
        cache="hit" if hit else "miss",
        latency_ms=latency * random.lognormvariate(0, 0.35),
    )
