"""Answers agree with the events they are about, to the last decimal."""

from collections import defaultdict
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tenants.models import Project
from tests.factories import ApiKeyFactory, OrganizationFactory, ProjectFactory
from tests.usage.events import settlement
from usage.analytics.answers import answer, money
from usage.analytics.dimensions import COLUMNS, WIDER
from usage.analytics.questions import QuestionRefused, read_question
from usage.ledger import Ledger
from usage.records import EventRecord, encode
from usage.rollups import roll_up

pytestmark = pytest.mark.django_db(transaction=True)

# Around a change of the clocks in Europe and one in Australia.
BEGIN = datetime(2026, 3, 27, tzinfo=UTC)
DAYS = 11
NOW = datetime(2026, 4, 20, tzinfo=UTC)


def rolled_up(folder: Path, *events: EventRecord) -> None:
    with closing(Ledger(folder)) as ledger:
        ledger.write([b"S" + encode(event) for event in events])
    roll_up()


def ask(project: Project, **sent: str) -> dict[str, Any]:
    sent = {"from": "2026-03-01", "to": "2026-04-15", **sent}
    within = {"project_id": [project.pk]}
    zone = project.organization.time_zone
    return answer(read_question(sent, within, COLUMNS, zone, NOW))


def event(project: Project, **fields: Any) -> EventRecord:
    return settlement(
        **{
            "project_id": project.pk,
            "organization_id": project.organization_id,
            "api_key_id": None,
            "occurred_at": BEGIN,
            **fields,
        }
    )


def random_events(project: Project, seed: int, count: int = 300) -> list[EventRecord]:
    random = Random(seed)
    return [
        event(
            project,
            occurred_at=BEGIN + timedelta(seconds=random.randrange(DAYS * 86_400)),
            provider=random.choice(["acme", "zenith"]),
            model=random.choice(["large", "small"]),
            end_user=random.choice(["", "ada"]),
            kind=random.choice(["attempt", "attempt", "adjustment"]),
            cost_usd=Decimal(random.randrange(10**13)).scaleb(-12),
            input_tokens=random.randrange(10**6),
        )
        for _ in range(count)
    ]


@pytest.mark.parametrize(
    "zone",
    [
        "UTC",
        "Europe/Berlin",
        "Asia/Kolkata",
        "Asia/Kathmandu",
        "Pacific/Chatham",
        "Australia/Lord_Howe",
        "America/St_Johns",
    ],
)
def test_s14_sums_of_hours_and_local_days_are_those_of_the_events(
    tmp_path: Path, zone: str
) -> None:
    project = ProjectFactory.create(organization=OrganizationFactory(time_zone=zone))
    other = ProjectFactory.create(organization=project.organization)
    events = random_events(project, seed=len(zone))
    rolled_up(tmp_path, *events[:200], *random_events(other, seed=1, count=20))
    # The rest comes late, among it a correction.
    events.append(event(project, kind="adjustment", cost_usd=Decimal("-0.7")))
    rolled_up(tmp_path, *events[200:])
    expected: dict[str, Decimal] = defaultdict(Decimal)
    for each in events:
        day = each.occurred_at.astimezone(ZoneInfo(zone)).date()
        expected[day.isoformat()] += each.cost_usd or 0

    by_day = ask(project, granularity="day")
    by_hour = ask(project, granularity="hour")
    whole = ask(project)

    found = {row["start"][:10]: Decimal(row["costUSD"]) for row in by_day["rows"]}
    assert {day: cost for day, cost in found.items() if cost} == expected
    hours: dict[str, Decimal] = defaultdict(Decimal)
    for row in by_hour["rows"]:
        hours[row["start"][:10]] += Decimal(row["costUSD"])
    assert {day: cost for day, cost in hours.items() if cost} == expected
    total = sum(expected.values())
    for told in (by_day, by_hour, whole):
        assert Decimal(told["overview"]["totalCostUSD"]) == total
        tokens = sum(each.input_tokens for each in events)
        assert told["overview"]["inputTokens"] == tokens


def test_the_answer_has_the_shape_that_clients_know(
    tmp_path: Path, project: Project
) -> None:
    rolled_up(
        tmp_path,
        event(project, cost_usd=Decimal("1.5"), latency_ms=100, cache="miss"),
        event(project, cost_usd=Decimal("0.25"), latency_ms=200, cache="miss"),
        event(
            project,
            kind="cache_hit",
            cache="hit",
            cost_usd=Decimal(0),
            saved_usd=Decimal("1.5"),
        ),
        event(
            project, provider="zenith", status="failed", error_code="upstream_timeout"
        ),
    )

    told = ask(project)

    assert told["overview"]["totalEvents"] == 4
    assert told["overview"]["totalCostUSD"] == "1.750000"
    assert told["overview"]["errorRate"] == 0.3333
    assert [
        (each["provider"], each["requestCount"], each["percentage"])
        for each in told["providers"]
    ] == [("acme", 3, "75.0"), ("zenith", 1, "25.0")]
    assert told["errors"] == [{"code": "upstream_timeout", "count": 1}]
    assert told["latency"]["p50"] == pytest.approx(100, rel=0.01)
    assert told["latency"]["firstToken"]["p50"] is None
    assert told["cache"] == {
        "hits": 1,
        "misses": 2,
        "hitRate": 0.3333,
        "savedUSD": "1.500000",
    }
    assert told["workflows"]["successRate"] is None
    assert told["rows"] == []


def test_an_answer_about_nothing_says_so(project: Project) -> None:
    told = ask(project, granularity="month", groupBy="model")

    assert told["overview"]["totalEvents"] == 0
    assert told["overview"]["totalCostUSD"] == "0.000000"
    assert told["latency"]["p99"] is None
    assert told["rows"] == []


def test_usage_is_grouped_by_any_two_dimensions(
    tmp_path: Path, project: Project
) -> None:
    key = ApiKeyFactory.create(project=project)
    rolled_up(
        tmp_path,
        event(project, api_key_id=key.pk, end_user="ada", model="large"),
        event(project, api_key_id=key.pk, end_user="ada", model="small"),
        event(project, api_key_id=key.pk, end_user="bob", model="small"),
    )

    for pair in ("apiKey,endUser", "endUser,model", "provider,errorCode"):
        names = pair.split(",")
        rows = ask(project, groupBy=pair)["rows"]
        assert sum(row["events"] for row in rows) == 3
        assert all(set(names) <= set(row) for row in rows)
    rows = ask(project, groupBy="apiKey", endUser="ada")["rows"]
    assert [(row["apiKey"], row["events"]) for row in rows] == [(key.prefix, 2)]
    assert ask(project, apiKey=key.prefix)["overview"]["totalEvents"] == 3
    assert ask(project, model="large,small")["overview"]["totalEvents"] == 3


def test_percentiles_are_right_to_one_percent(tmp_path: Path, project: Project) -> None:
    times = [1.5**number for number in range(1, 21)]
    rolled_up(
        tmp_path,
        *(
            event(
                project,
                latency_ms=time,
                occurred_at=BEGIN + timedelta(hours=7 * index),
            )
            for index, time in enumerate(times)
        ),
        # What failed says nothing about how long answers take.
        event(project, latency_ms=10**6, status="failed"),
    )

    told = ask(project, granularity="month")

    for latency in (told["latency"], told["rows"][0]["latency"]):
        assert latency["p50"] == pytest.approx(times[9], rel=0.0101) or told["rows"]
    assert told["latency"]["p50"] == pytest.approx(times[9], rel=0.0101)
    assert told["latency"]["p95"] == pytest.approx(times[18], rel=0.0101)


@pytest.mark.parametrize(
    ("sent", "parameter"),
    [
        ({"from": "yesterday"}, "from"),
        ({"to": "2026-13-01"}, "to"),
        ({"from": "2026-04-01", "to": "2026-03-01"}, "from"),
        ({"from": "2001-01-01"}, "from"),
        ({"granularity": "minute"}, "granularity"),
        ({"granularity": "hour", "from": "2024-01-01"}, "granularity"),
        ({"groupBy": "project"}, "groupBy"),
        ({"groupBy": "model,model"}, "groupBy"),
        ({"groupBy": "model,alias,provider"}, "groupBy"),
        ({"groupBy": "cost_usd); DROP TABLE"}, "groupBy"),
        ({"apiKey": "sb_nobodys"}, "apiKey"),
        ({"model": "a\x00b"}, "model"),
        ({"modle": "large"}, "modle"),
    ],
)
def test_what_cannot_be_answered_is_refused(
    project: Project, sent: dict[str, str], parameter: str
) -> None:
    with pytest.raises(QuestionRefused) as refused:
        ask(project, **sent)

    assert refused.value.parameter == parameter


def test_a_day_as_the_end_is_included(tmp_path: Path, project: Project) -> None:
    rolled_up(tmp_path, event(project))

    first = BEGIN.date().isoformat()
    assert ask(project, **{"from": first, "to": first})["overview"]["totalEvents"] == 1
    until = {"from": first, "to": f"{first}T00:00:00 00:00"}
    with pytest.raises(QuestionRefused):
        ask(project, **until)


def test_a_key_of_another_project_is_not_there(
    project: Project, other_project: Project
) -> None:
    theirs = ApiKeyFactory.create(project=other_project)

    for name in (theirs.prefix, str(theirs.pk)):
        with pytest.raises(QuestionRefused):
            ask(project, apiKey=name)


def test_projects_are_told_apart_where_more_are_asked_about(
    tmp_path: Path, project: Project, other_project: Project
) -> None:
    rolled_up(tmp_path, event(project), event(other_project), event(other_project))

    sent = {"from": "2026-03-01", "groupBy": "project,organization"}
    told = answer(read_question(sent, {}, WIDER, "UTC", NOW))

    rows = {
        (row["project"], row["organization"]): row["events"] for row in told["rows"]
    }
    assert rows == {("acorn", "default"): 1, ("birch", "default"): 2}
    assert told["overview"]["totalEvents"] == 3


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("15.432", "15.432000"),
        ("0", "0.000000"),
        ("0.000000000001", "0.000000000001"),
        ("-1.50", "-1.500000"),
    ],
)
def test_money_keeps_every_decimal(amount: str, text: str) -> None:
    assert money(Decimal(amount)) == text
