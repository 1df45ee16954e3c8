"""Usage over HTTP: events and their sums, of the own organization alone."""

import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tenants.models import Organization, Project, Role
from tests.gateway.control.calling import Caller, caller
from usage.models import DailyUsage, HourlyUsage, UsageEvent

pytestmark = pytest.mark.django_db

HOUR = datetime(2026, 3, 14, 15, tzinfo=UTC)
COUNTS = [
    "events",
    "requests",
    "input_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "output_tokens",
    "reasoning_tokens",
    "unpriced",
    "estimated",
    "fallbacks",
    "latency_ms_sum",
    "first_token_ms_sum",
    "first_tokens",
]


@pytest.fixture
def analyst(organization: Organization) -> Caller:
    return caller(Role.ANALYST, organization)


def make_event(project: Project, minutes: int = 0, **fields: Any) -> UsageEvent:
    event: UsageEvent = UsageEvent.objects.create(
        **{
            "id": uuid.uuid4(),
            "occurred_at": HOUR + timedelta(minutes=minutes, microseconds=123),
            "request_id": uuid.uuid4(),
            "organization": project.organization,
            "project": project,
            "operation": "chat",
            "dialect": "openai_chat",
            "provider": "acme",
            "model": "large",
            "status": "ok",
            "cost_usd": Decimal("0.000123456789"),
            **fields,
        }
    )
    return event


def ids(page: Any) -> list[str]:
    return [row["id"] for row in page.json()["results"]]


def test_events_are_told_newest_first_and_exactly(
    analyst: Caller, project: Project
) -> None:
    events = [make_event(project, minute) for minute in range(5)]
    expected = [str(event.pk) for event in reversed(events)]

    first = analyst.get("usage/?page_size=3")
    second = analyst.get(first.json()["next"].partition("/v1/")[2])

    assert ids(first) + ids(second) == expected
    assert first.json()["results"][0]["cost_usd"] == "0.000123456789"
    assert analyst.get(f"usage/{expected[0]}/").json() == first.json()["results"][0]


def test_events_of_one_moment_are_each_told_once(
    analyst: Caller, project: Project
) -> None:
    events = {str(make_event(project).pk) for _ in range(5)}
    found, path = [], "usage/?page_size=2"
    while path:
        page = analyst.get(path)
        found += ids(page)
        path = (page.json()["next"] or "").partition("/v1/")[2]

    assert len(found) == 5
    assert set(found) == events


def test_events_of_others_are_not_told(
    analyst: Caller, platform: Caller, project: Project, foreign: Project
) -> None:
    own, theirs = make_event(project), make_event(foreign)

    assert ids(analyst.get("usage/")) == [str(own.pk)]
    assert ids(analyst.get("usage/?project=birch")) == []
    assert ids(analyst.get(f"usage/?organization={foreign.organization_id}")) == []
    assert analyst.get(f"usage/{theirs.pk}/").status_code == 404
    assert len(ids(platform.get("usage/"))) == 2


def test_events_are_filtered_by_time_and_by_what_they_say(
    analyst: Caller, project: Project
) -> None:
    make_event(project, 0, status="failed", provider="other")
    wanted = make_event(project, 10, feature="summary")
    make_event(project, 20)

    for query in (
        "since=2026-03-14T15:05:00Z&until=2026-03-14T15:15:00Z",
        "feature=summary",
        f"request_id={wanted.request_id}",
        "provider=acme,nobody&until=2026-03-14T15:15:00Z",
        "project=acorn&feature=summary&status=ok",
    ):
        assert ids(analyst.get(f"usage/?{query}")) == [str(wanted.pk)], query
    for wrong in ("since=soon", "request_id=x", "streamed=maybe", "cost=1"):
        assert analyst.get(f"usage/?{wrong}").status_code == 400


def test_sums_are_told_by_hour_and_by_day(
    analyst: Caller, project: Project, foreign: Project
) -> None:
    common = {
        **dict.fromkeys(COUNTS, 1),
        "operation": "chat",
        "provider": "acme",
        "model": "large",
        "status": "ok",
        "kind": "attempt",
        "cost_usd": Decimal("0.5"),
    }
    for each in (project, foreign):
        owner = {"project": each, "organization": each.organization}
        HourlyUsage.objects.create(hour=HOUR, **owner, **common)
        DailyUsage.objects.create(day=HOUR.date(), **owner, **common)

    hourly = analyst.get("usage/hourly/?since=2026-03-14T15:00:00Z").json()["results"]
    daily = analyst.get("usage/daily/?since=2026-03-14&until=2026-03-15").json()

    assert [row["project"] for row in hourly] == [project.pk]
    assert hourly[0]["hour"] == "2026-03-14T15:00:00Z"
    assert [row["day"] for row in daily["results"]] == ["2026-03-14"]
    assert daily["results"][0]["cost_usd"] == "0.500000000000"
    assert analyst.get("usage/daily/?until=2026-03-14").json()["results"] == []


def test_usage_is_not_written(platform: Caller, project: Project) -> None:
    event = make_event(project)

    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert platform(method, f"usage/{event.pk}/", {}).status_code == 405
        assert platform(method, "usage/hourly/", {}).status_code == 405
