"""The past paid by the prices of today: differences beside the events, exact and once."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import Sum

from catalog.models import AIModel, Price
from tenants.models import Budget
from tests.factories import AIModelFactory, PriceFactory, ProjectFactory
from tests.gateway.rows import make_provider
from tests.usage.events import settlement
from usage.ledger import Ledger
from usage.models import (
    BudgetWindow,
    DailyShare,
    DailyTotal,
    DailyUsage,
    EndUserUsage,
    HourlyShare,
    HourlyTotal,
    HourlyUsage,
    Rerating,
    SplitHour,
    UsageEvent,
)
from usage.models.budget_window import usd
from usage.price_book.rerating import rerate, rerate_waiting
from usage.records import EventRecord, encode
from usage.rollups import roll_up

BEGIN = datetime(2026, 3, 28, tzinfo=UTC)
DAYS = 3


@pytest.fixture
def model(transactional_db: None) -> AIModel:
    provider = make_provider("acme")
    model: AIModel = AIModelFactory.create(provider=provider, model_id="large")
    for component, amount in (("input", "2.00"), ("output", "6.00")):
        PriceFactory.create(
            model=model, component=component, per_million=Decimal(amount)
        )
    return model


def random_events(seed: int, count: int, **fields: Any) -> list[EventRecord]:
    """Return events of three days as they were priced then: 2 and 6 USD per million."""
    random = Random(seed)
    found = []
    for _ in range(count):
        tokens, answer = random.randrange(10**6), random.randrange(10**5)
        cost: Decimal | None = (2 * Decimal(tokens) + 6 * Decimal(answer)).scaleb(-6)
        is_unpriced = random.random() < 0.2
        found.append(
            settlement(
                occurred_at=BEGIN + timedelta(seconds=random.randrange(DAYS * 86400)),
                project_id=random.choice([1, 2]),
                feature=random.choice(["", "summary"]),
                end_user=random.choice(["", "ada"]),
                input_tokens=tokens,
                output_tokens=answer,
                cost_usd=None if is_unpriced else cost,
                price_ids=() if is_unpriced else (1, 2),
                **fields,
            )
        )
    return found


def write(ledger: Ledger, events: list[EventRecord]) -> None:
    ledger.write([b"S" + encode(event) for event in events])


def correct(model: AIModel, since: datetime, amount: str = "3.00") -> None:
    Price.objects.create(
        model=model, component="input", per_million=Decimal(amount), valid_from=since
    )


def asked(**fields: Any) -> Rerating:
    return Rerating.objects.create(
        **{
            "begins_at": BEGIN,
            "ends_at": BEGIN + timedelta(days=DAYS),
            "reason": "The price was wrong.",
            **fields,
        }
    )


def expected(events: list[EventRecord], since: datetime, amount: str) -> Decimal:
    total = Decimal(0)
    for event in events:
        rate = Decimal(amount) if event.occurred_at >= since else Decimal(2)
        total += (rate * event.input_tokens + 6 * event.output_tokens).scaleb(-6)
    return total


def check_sums(total: Decimal) -> None:
    """Events and adjustments, hours and days are all the same, to the last decimal."""
    sums = {
        table.__name__: table.objects.aggregate(sum=Sum("cost_usd"))["sum"]
        for table in (UsageEvent, HourlyUsage, DailyUsage, HourlyTotal, DailyTotal)
    }
    for share in (HourlyShare, DailyShare):
        rows = share.objects.exclude(model="")
        sums[share.__name__] = rows.aggregate(sum=Sum("cost_usd"))["sum"]
    assert sums == dict.fromkeys(sums, total)
    named = UsageEvent.objects.exclude(end_user="").aggregate(sum=Sum("cost_usd"))
    assert EndUserUsage.objects.aggregate(sum=Sum("cost_usd")) == named


@pytest.mark.parametrize("minutes", [60, 30, 15])
@pytest.mark.parametrize("seed", range(2))
def test_all_sums_are_what_the_book_says_after_any_re_rating(
    ledger: Ledger, model: AIModel, seed: int, minutes: int
) -> None:
    ProjectFactory.create(organization__slug="other")
    if minutes < 60:
        SplitHour.objects.create(organization_id=_organization(), minutes=minutes)
    events = random_events(seed, 150, organization_id=_organization())
    write(ledger, events)
    roll_up()
    before = set(UsageEvent.objects.values_list("id", "cost_usd"))

    for since, amount in (
        (BEGIN + timedelta(hours=30), "3.00"),
        (BEGIN + timedelta(hours=20, minutes=7), "2.50"),
    ):
        correct(model, since, amount)
        rerate(asked().pk)
        # A late event, at the price of its time, changes nothing of what was booked.
        roll_up()

    first, second = BEGIN + timedelta(hours=30), BEGIN + timedelta(hours=20, minutes=7)
    total = Decimal(0)
    for event in events:
        rate = Decimal(2)
        if event.occurred_at >= second:
            rate = Decimal("2.50")
        if event.occurred_at >= first:
            rate = Decimal("3.00")
        total += (rate * event.input_tokens + 6 * event.output_tokens).scaleb(-6)
    check_sums(total)
    assert before <= set(UsageEvent.objects.values_list("id", "cost_usd"))


def _organization() -> int:
    return int(ProjectFactory._meta.model.objects.first().organization_id)


def test_without_a_difference_nothing_is_booked_however_often(
    ledger: Ledger, model: AIModel
) -> None:
    since = BEGIN + timedelta(days=1)
    write(ledger, random_events(5, 100))
    correct(model, since)
    first = asked()
    rerate(first.pk)
    roll_up()
    booked = UsageEvent.objects.filter(kind="adjustment").count()

    again = asked()
    rerate(again.pk)
    rerate(first.pk)

    first.refresh_from_db()
    again.refresh_from_db()
    assert (first.state, first.adjustments, first.checked) == ("done", booked, 100)
    assert (again.state, again.adjustments) == ("done", 0)
    assert again.difference_usd == 0
    assert UsageEvent.objects.filter(kind="adjustment").count() == booked > 0


def test_a_late_event_is_paid_at_its_own_price_and_nothing_is_booked_twice(
    ledger: Ledger, model: AIModel
) -> None:
    events = random_events(6, 60)
    write(ledger, events[:50])
    correct(model, BEGIN, "3.00")
    rerate(asked().pk)
    write(ledger, events[50:])

    rerate(asked().pk)
    roll_up()

    check_sums(expected(events, BEGIN, "3.00"))


def test_only_the_model_and_the_project_that_are_meant_are_rated_anew(
    ledger: Ledger, model: AIModel
) -> None:
    project = ProjectFactory.create()
    write(ledger, random_events(1, 30, model="small"))
    own = random_events(2, 30)
    write(ledger, own)
    correct(model, BEGIN)
    row = asked(model=model, project=project)
    UsageEvent.objects.filter(project_id=1).update(project_id=project.pk)

    rerate(row.pk)

    adjusted = UsageEvent.objects.filter(kind="adjustment")
    assert set(adjusted.values_list("model", "project_id")) == {("large", project.pk)}


def test_what_others_paid_for_and_what_providers_reported_stays(
    ledger: Ledger, model: AIModel
) -> None:
    own: dict[str, Any] = {"input_tokens": 1000, "occurred_at": BEGIN}
    write(
        ledger,
        [
            settlement(cost_usd=Decimal(0), own_credential=True, **own),
            settlement(cost_usd=Decimal("0.7"), price_ids=(), **own),
            settlement(status="unsettled", cost_usd=Decimal(1), price_ids=(1,), **own),
            settlement(kind="cache_hit", cost_usd=Decimal(0), **own),
        ],
    )
    row = asked()

    rerate(row.pk)

    row.refresh_from_db()
    assert (row.state, row.adjustments) == ("done", 0)


def test_a_worker_that_dies_is_followed_where_it_ended(
    ledger: Ledger, model: AIModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = random_events(3, 100)
    write(ledger, events)
    correct(model, BEGIN)
    row = asked()
    from usage.price_book import rerating

    hours = iter(range(20))
    with monkeypatch.context() as patched:
        real = rerating._adjustments

        def dying(*args: Any) -> Any:
            if next(hours, None) is None:
                raise SystemExit
            return real(*args)

        patched.setattr(rerating, "_adjustments", dying)
        with pytest.raises(SystemExit):
            rerate(row.pk)
    row.refresh_from_db()
    assert (row.state, row.done_until) == ("running", BEGIN + timedelta(hours=20))

    assert rerate_waiting() == 1

    roll_up()
    row.refresh_from_db()
    check_sums(expected(events, BEGIN, "3.00"))
    booked = UsageEvent.objects.filter(kind="adjustment")
    assert booked.aggregate(sum=Sum("cost_usd"))["sum"] == row.difference_usd


def test_budgets_are_charged_the_difference(ledger: Ledger, model: AIModel) -> None:
    project = ProjectFactory.create()
    budget = Budget.objects.create(project=project, amount_usd=100, per="total")
    event = settlement(
        project_id=project.pk,
        organization_id=project.organization_id,
        occurred_at=BEGIN,
        input_tokens=1_000_000,
        cost_usd=Decimal(2),
        price_ids=(1,),
    )
    write(ledger, [event])
    correct(model, BEGIN, "1.00")

    rerate(asked().pk)

    window = BudgetWindow.objects.get(budget=budget)
    assert usd(window.spent_nano) == 1


def test_the_command_says_what_it_booked(
    ledger: Ledger, model: AIModel, capsys: pytest.CaptureFixture[str]
) -> None:
    write(ledger, [_one_event()])
    correct(model, BEGIN)
    window = ["--from", "2026-03-28", "--to", "2026-03-29", "--reason", "wrong"]

    call_command("rerate", *window, "--model", "acme/large")

    said = capsys.readouterr().out
    assert "1 events looked at, 1 adjustments booked, 1.000000000000 USD" in said
    with pytest.raises(CommandError, match="no model acme/none"):
        call_command("rerate", *window, "--model", "acme/none")
    with pytest.raises(CommandError, match="begin before it ends"):
        call_command(
            "rerate", "--from", "2026-03-28", "--to", "2026-03-27", "--reason", "x"
        )


def _one_event() -> EventRecord:
    return settlement(
        occurred_at=BEGIN, input_tokens=10**6, cost_usd=Decimal(2), price_ids=(1,)
    )


def test_events_are_never_written_again(ledger: Ledger, model: AIModel) -> None:
    write(ledger, random_events(8, 40))
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, xmin::text FROM usage_usageevent ORDER BY id")
        before = cursor.fetchall()
    correct(model, BEGIN)

    rerate(asked().pk)

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, xmin::text FROM usage_usageevent "
            "WHERE kind <> 'adjustment' ORDER BY id"
        )
        assert cursor.fetchall() == before
