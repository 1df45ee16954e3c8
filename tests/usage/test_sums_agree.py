"""Events, hours, days and what the analytics API tells agree, whatever happened to them.

Events come late and twice, estimates are replaced, prices are corrected and the past is
paid anew, sums are made by several at once, and the organization moves to another time
zone: in any order, around a change of the clocks. To the last decimal.
"""

import itertools
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache, partial
from pathlib import Path
from threading import Barrier
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connections
from django.db.models import Model, Sum
from django.test import Client
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)

from catalog.models import Price
from tenants.models import ApiKey
from tests.factories import (
    AIModelFactory,
    OrganizationFactory,
    PriceFactory,
    ProjectFactory,
)
from tests.gateway.rows import make_provider
from tests.usage.events import intent, settlement
from usage.ledger import Ledger
from usage.models import (
    DailyShare,
    DailyTotal,
    DailyUsage,
    EndUserUsage,
    HourlyShare,
    HourlyTotal,
    HourlyUsage,
    Rerating,
    TouchedHour,
    UsageEvent,
)
from usage.price_book.rerating import rerate
from usage.records import EventRecord, encode
from usage.rollups import roll_up

pytestmark = pytest.mark.django_db(transaction=True)

ZONES = (
    "Asia/Kathmandu",
    "Australia/Lord_Howe",  # Its clocks are set by half an hour.
    "Pacific/Chatham",
    "Europe/Berlin",
    "Asia/Kolkata",
    "America/St_Johns",
    "America/New_York",
)
URL = "/api/ai/analytics"
YEAR = 2026
DAY, REACH = timedelta(days=1), timedelta(hours=2)
SUMMED = (
    "cost_usd",
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "reasoning_tokens",
)
INPUT_USD, OUTPUT_USD = Decimal(2), Decimal(6)
_number = itertools.count(1)


@cache
def changes(zone: str) -> tuple[datetime, ...]:
    """Return when the clocks of the zone change in the year, else two midnights."""
    info = ZoneInfo(zone)
    begin = datetime(YEAR, 1, 1, tzinfo=UTC)
    quarters = [begin + timedelta(minutes=15 * n) for n in range(310 * 24 * 4)]
    found = [
        after
        for before, after in itertools.pairwise(quarters)
        if before.astimezone(info).utcoffset() != after.astimezone(info).utcoffset()
    ]
    return tuple(found) or (midnight(date(YEAR, 3, 29), zone),) * 2


def midnight(day: date, zone: str) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)


@dataclass(frozen=True)
class Moment:
    """Near the change of the clocks, or near the midnight before or after it."""

    near: int
    by: timedelta

    def at(self, near: Sequence[datetime]) -> datetime:
        return near[self.near] + self.by


@dataclass(frozen=True)
class Usage:
    """What an event is about; `sort` says who pays for it, and by which figure."""

    moment: Moment
    sort: str
    input: int
    output: int
    feature: str
    end_user: str


minutes = st.sampled_from([0, 7, 15, 30, 44, 45, 59, 60, 75])
moments = st.builds(
    Moment,
    st.integers(0, 2),
    st.builds(
        lambda minutes, sign, tick: sign * timedelta(minutes=minutes) + tick,
        minutes,
        st.sampled_from([1, -1]),
        st.sampled_from([timedelta(0), timedelta.resolution, -timedelta.resolution]),
    ),
)
usages = st.lists(
    st.builds(
        Usage,
        moments,
        st.sampled_from(
            ["priced", "priced", "unpriced", "own", "reported", "hit", "estimate"]
        ),
        st.integers(0, 10**6),
        st.integers(0, 10**5),
        st.sampled_from(["", "summary"]),
        st.sampled_from(["", "ada"]),
    ),
    min_size=1,
    max_size=8,
)
amounts = st.integers(0, 10**7).map(lambda micro: Decimal(micro).scaleb(-6))


class Billing(RuleBasedStateMachine):
    """One project from its first event to its bills; others were there before it."""

    zone: str
    folder: Path

    def __init__(self) -> None:
        super().__init__()
        number = next(_number)
        organization = OrganizationFactory.create(
            slug=f"o-{number}", time_zone=self.zone
        )
        self.project = ProjectFactory.create(organization=organization)
        self.model = AIModelFactory.create(provider=make_provider(f"acme-{number}"))
        PriceFactory.create(model=self.model, component="input", per_million=INPUT_USD)
        PriceFactory.create(
            model=self.model, component="output", per_million=OUTPUT_USD
        )
        self.corrections: dict[datetime, Decimal] = {}
        self.written: dict[str, EventRecord] = {}

    @initialize(which=st.integers(0, 1))
    def begin(self, which: int) -> None:
        change = changes(self.zone)[which]
        day = change.astimezone(ZoneInfo(self.zone)).date()
        midnights = midnight(day, self.zone), midnight(day + DAY, self.zone)
        self.near = (change, *midnights)

    @rule(usages=usages)
    def events_come(self, usages: list[Usage]) -> None:
        self.write(map(self.event, usages))

    @rule(usages=usages)
    def they_come_when_hours_were_summed(self, usages: list[Usage]) -> None:
        roll_up()
        self.write(map(self.event, usages))

    @rule()
    def events_come_twice(self) -> None:
        self.write(list(self.written.values())[:5])

    @rule()
    def estimates_are_replaced(self) -> None:
        self.write(self.settled())

    @rule(moment=moments, amount=amounts)
    def the_price_is_corrected(self, moment: Moment, amount: Decimal) -> None:
        since = moment.at(self.near)
        if since not in self.corrections:
            self.corrections[since] = amount
            Price.objects.create(
                model=self.model,
                component="input",
                per_million=amount,
                valid_from=since,
            )

    @rule()
    def the_past_is_paid_anew(self) -> None:
        self.rerate()

    @rule()
    def hours_are_summed(self) -> None:
        roll_up()

    @rule(zone=st.sampled_from(ZONES))
    def the_organization_moves(self, zone: str) -> None:
        organization = self.project.organization
        organization.time_zone = zone
        organization.save()

    @rule(usages=usages)
    def all_of_it_at_once(self, usages: list[Usage]) -> None:
        events = [*map(self.event, usages), *self.settled()]
        at_once(roll_up, roll_up, self.rerate, partial(self.write, events))

    def teardown(self) -> None:
        if not hasattr(self, "near"):
            return
        at_once(roll_up, roll_up)
        # A day that another one is busy with is left to the next time.
        roll_up()
        self.check_tables()
        self.rerate()
        roll_up()
        self.check_answers(self.check_tables())
        booked = UsageEvent.objects.filter(project=self.project)
        found = booked.aggregate(sum=Sum("cost_usd", default=Decimal(0)))["sum"]
        assert found == sum(map(self.due, self.written.values()))

    def check_tables(self) -> list[UsageEvent]:
        """Compare all sums with the events that are there, and return these."""
        assert not TouchedHour.objects.exists()
        events = list(UsageEvent.objects.filter(project=self.project))
        asked = [each for each in events if each.kind != "adjustment"]
        assert {str(each.id) for each in asked} == self.written.keys()
        wanted = {name: total(events, name) for name in SUMMED}
        wanted["saved_usd"] = total(events, "saved_usd")
        wanted["events"] = len(events)
        for table in (HourlyUsage, DailyUsage, HourlyTotal, DailyTotal):
            assert self.sums(table, wanted) == wanted, table
        named = [each for each in events if each.end_user]
        wanted = {name: total(named, name) for name in wanted if name != "events"}
        assert self.sums(EndUserUsage, wanted) == wanted
        for share in (HourlyShare, DailyShare):
            (cost,) = self.sums(share, ["cost_usd"], feature="").values()
            assert cost == total(events, "cost_usd"), share
        return events

    def sums(
        self, table: type[Model], names: Iterable[str], **filters: Any
    ) -> dict[str, Any]:
        rows = table._default_manager.filter(project=self.project, **filters)
        sums: dict[str, Any] = rows.aggregate(
            **{name: Sum(name, default=0) for name in names}
        )
        return sums

    def check_answers(self, events: list[UsageEvent]) -> None:
        """Each local hour, day and month costs what its events cost, and so does all."""
        zone = self.project.organization.time_zone
        for granularity, bucket_of in BUCKETS.items():
            told = self.ask(granularity=granularity)
            assert Decimal(told["overview"]["totalCostUSD"]) == total(
                events, "cost_usd"
            )
            wanted = by_bucket(
                (bucket_of(each.occurred_at, zone), each) for each in events
            )
            found = {
                bucket_of(datetime.fromisoformat(row["start"]), zone): figures(row)
                for row in told["rows"]
            }
            assert len(found) == len(told["rows"])
            assert {key: row for key, row in found.items() if any(row)} == {
                key: row for key, row in wanted.items() if any(row)
            }, (granularity, zone)
        for name, value in (("feature", "summary"), ("endUser", "ada")):
            column = "end_user" if name == "endUser" else name
            own = [each for each in events if getattr(each, column) == value]
            told = self.ask(granularity="day", groupBy=name, **{name: value})
            assert sum(Decimal(row["costUSD"]) for row in told["rows"]) == total(
                own, "cost_usd"
            )

    def ask(self, **query: str) -> dict[str, Any]:
        _, text = ApiKey.issue(self.project, "test")
        within = {
            "from": (min(self.near) - DAY).date().isoformat(),
            "to": (max(self.near) + DAY).date().isoformat(),
        }
        client = Client(headers={"authorization": f"Bearer {text}"})
        answer = client.get(URL, {**within, **query})
        assert answer.status_code == 200, answer.content
        told: dict[str, Any] = answer.json()
        return told

    def event(self, usage: Usage) -> EventRecord:
        """Return the event as the gateway would spool it, by the prices known by now."""
        asked = intent(
            occurred_at=usage.moment.at(self.near),
            organization_id=self.project.organization_id,
            project_id=self.project.pk,
            api_key_id=None,
            provider=self.model.provider.slug,
            model=self.model.model_id,
            feature=usage.feature,
            end_user=usage.end_user,
            input_tokens=usage.input,
            output_tokens=usage.output,
            cost_usd=Decimal("0.000000000001"),
        )
        match usage.sort:
            case "estimate":
                return asked
            case "unpriced":
                return settlement(asked, cost_usd=None)
            case "own":
                return settlement(asked, cost_usd=Decimal(0), own_credential=True)
            case "reported":
                return settlement(asked, cost_usd=Decimal("0.000000000007"))
            case "hit":
                hit = {"kind": "cache_hit", "cache": "hit", "cost_usd": Decimal(0)}
                return settlement(asked, **hit, saved_usd=Decimal(usage.input))
        return settlement(asked, cost_usd=self.price(asked), price_ids=(1, 2))

    def settled(self) -> list[EventRecord]:
        return [
            settlement(each, cost_usd=self.price(each), price_ids=(1, 2))
            for each in self.written.values()
            if each.status == "unsettled"
        ]

    def due(self, event: EventRecord) -> Decimal:
        """Return what the event costs when the past has been paid by the book of now."""
        is_rated = event.price_ids or event.cost_usd is None
        return self.price(event) if is_rated else event.cost_usd or Decimal(0)

    def price(self, event: EventRecord) -> Decimal:
        moments = sorted(self.corrections)
        place = bisect_right(moments, event.occurred_at)
        rate = self.corrections[moments[place - 1]] if place else INPUT_USD
        return (rate * event.input_tokens + OUTPUT_USD * event.output_tokens).scaleb(-6)

    def write(self, events: Iterable[EventRecord]) -> None:
        records = list(events)
        with closing(Ledger(self.folder)) as ledger:
            ledger.write([b"S" + encode(each) for each in records])
        self.written |= {each.id: each for each in records}

    def rerate(self) -> None:
        asked = Rerating.objects.create(
            project=self.project,
            begins_at=min(self.near) - REACH,
            ends_at=max(self.near) + REACH,
            reason="The price was wrong.",
        )
        rerate(asked.pk)


def total(events: Iterable[UsageEvent], name: str) -> Any:
    return sum(getattr(each, name) or 0 for each in events)


def local_hour(moment: datetime, zone: str) -> Any:
    """Return what the clock shows; an hour that it shows twice is two."""
    local = moment.astimezone(ZoneInfo(zone))
    return local.date(), local.hour, local.utcoffset()


def local_day(moment: datetime, zone: str) -> Any:
    return moment.astimezone(ZoneInfo(zone)).date()


def local_week(moment: datetime, zone: str) -> Any:
    return local_day(moment, zone).isocalendar()[:2]


def local_month(moment: datetime, zone: str) -> Any:
    return local_day(moment, zone).month


BUCKETS: dict[str, Callable[[datetime, str], Any]] = {
    "hour": local_hour,
    "day": local_day,
    "week": local_week,
    "month": local_month,
}


def figures(row: dict[str, Any]) -> tuple[Any, ...]:
    money = Decimal(row["costUSD"]), Decimal(row["savedUSD"])
    return *money, row["events"], row["inputTokens"], row["outputTokens"]


def by_bucket(events: Iterator[tuple[Any, UsageEvent]]) -> dict[Any, tuple[Any, ...]]:
    found: dict[Any, list[UsageEvent]] = defaultdict(list)
    for bucket, event in events:
        found[bucket].append(event)
    return {
        bucket: (
            total(each, "cost_usd"),
            total(each, "saved_usd"),
            sum(event.kind != "adjustment" for event in each),
            total(each, "input_tokens"),
            total(each, "output_tokens"),
        )
        for bucket, each in found.items()
    }


def at_once(*works: Callable[[], object]) -> None:
    """Do all of it at the same moment, each over a connection of its own."""
    gate = Barrier(len(works))

    def do(work: Callable[[], object]) -> None:
        try:
            gate.wait()
            work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(works)) as pool:
        for each in [pool.submit(do, work) for work in works]:
            each.result()


def try_out(zone: str, folder: Path, *, examples: int, steps: int) -> None:
    billing = type("Billing", (Billing,), {"zone": zone, "folder": folder})
    run_state_machine_as_test(
        billing,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.parametrize("zone", ZONES[:4])
def test_all_sums_agree_whatever_happens_s14_s15(zone: str, tmp_path: Path) -> None:
    try_out(zone, tmp_path, examples=2, steps=8)


@pytest.mark.long
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("zone", ZONES)
def test_all_sums_agree_whatever_happens_however_often_s14_s15(
    zone: str, tmp_path: Path
) -> None:
    try_out(zone, tmp_path, examples=40, steps=20)
