"""Rules about usage: found above their bound, told once, silenced and told after all."""

import uuid
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from tenants.models import Approval, Budget, Project
from tests.factories import OrganizationFactory, ProjectFactory
from tests.gateway.rows import make_model, make_provider
from tests.usage.test_admin_rollups import sums
from tests.usage.test_overview import make_day, make_hours
from usage.alerts.rules import make_ready_rules
from usage.alerts.traffic import usual_bound
from usage.alerts.watching import watch
from usage.models import (
    Alert,
    AlertRule,
    AlertSilence,
    BudgetWindow,
    Delivery,
    HourlyTotal,
    Notification,
    NotificationChannel,
    UsageEvent,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    project: Project = ProjectFactory.create(slug="acorn")
    Project.objects.update(created_at=datetime(2020, 1, 1, tzinfo=UTC))
    return project


def attempts(project: Project, count: int, **fields: Any) -> None:
    UsageEvent.objects.bulk_create(
        UsageEvent(
            **{
                "id": uuid.uuid4(),
                "request_id": uuid.uuid4(),
                "occurred_at": timezone.now() - timedelta(minutes=2),
                "organization_id": project.organization_id,
                "project_id": project.pk,
                "operation": "chat",
                "dialect": "openai_chat",
                "provider": "acme",
                "model": "large",
                "status": "ok",
                "latency_ms": 500,
                **fields,
            }
        )
        for _ in range(count)
    )


def told() -> list[str]:
    return list(Notification.objects.order_by("title").values_list("title", flat=True))


def rule(**fields: Any) -> AlertRule:
    row = AlertRule(**{"name": "Own", "window_minutes": 15, **fields})
    row.full_clean()
    row.save()
    return row


def test_a_model_that_fails_is_told_once_in_its_window(project: Project) -> None:
    attempts(project, 15)
    attempts(project, 5, status="failed", http_status=503)
    # What the client did wrong is not counted, nor is what is long ago.
    attempts(project, 9, status="failed", http_status=400)
    attempts(
        project, 9, status="failed", occurred_at=timezone.now() - timedelta(hours=1)
    )
    assert watch() == 0, "no more than the bound"

    attempts(project, 5, status="incomplete")
    assert (watch(), watch()) == (1, 0)

    assert told() == ["acme/large: 29 % of attempts fail"]
    Alert.objects.update(created_at=timezone.now() - timedelta(minutes=16))
    assert watch() == 1, "in the next window it is told again"


def test_few_attempts_say_nothing(project: Project) -> None:
    attempts(project, 10, status="failed", http_status=503)

    assert watch() == 0


def test_a_slow_model_is_told_by_its_p95(project: Project) -> None:
    rule(kind="latency", threshold=2000, at_least=20, project=project)
    attempts(project, 50)
    attempts(project, 2, latency_ms=9000)
    # A failure is no answer, however long it took.
    attempts(project, 2, latency_ms=9000, status="failed", http_status=503)
    assert watch() == 0

    attempts(project, 2, latency_ms=9000)
    assert watch() == 1

    alert = Alert.objects.get()
    assert alert.title == "acme/large: p95 is 9,000 ms"
    assert (alert.project, alert.organization) == (project, project.organization)


def test_a_rule_looks_at_its_own_project_alone(project: Project) -> None:
    AlertRule.objects.update(active=False)
    other = ProjectFactory.create(slug="birch")
    rule(kind="errors", threshold=10, at_least=5, project=project)
    attempts(other, 30, status="failed", http_status=503)

    assert watch() == 0


def hours_of_spend(project: Project, *costs: int) -> None:
    """Spend so much in the last whole hour, and in that of each week before."""
    now = timezone.now() - timedelta(minutes=2)
    hour = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
    gone = {"operation", "feature", "alias", "model", "api_key", "error_code"}
    for week, cost in enumerate(costs):
        found = sums(project, cost_usd=Decimal(cost))
        few = {name: value for name, value in found.items() if name not in gone}
        HourlyTotal.objects.create(hour=hour - timedelta(weeks=week), **few)


@pytest.mark.parametrize(
    ("costs", "is_told"),
    [
        ((100, 10, 11, 9, 10, 10, 12, 9, 10), True),
        ((15, 10, 11, 9, 10, 10, 12, 9, 10), False),
        # One dear hour of the past does not make the next one usual.
        ((100, 10, 11, 9, 90, 10, 12, 9, 10), True),
        # Where it goes up and down it may go up.
        ((100, 10, 70, 9, 90, 10, 60, 9, 80), False),
        # What is below the floor interests nobody.
        ((4,), False),
        # Out of the blue.
        ((40,), True),
    ],
)
def test_spend_out_of_the_usual_is_told(
    project: Project, costs: tuple[int, ...], is_told: bool
) -> None:
    hours_of_spend(project, *costs)

    assert watch() == int(is_told)
    assert all("out of the usual" in title for title in told())


def test_a_project_without_a_past_is_not_out_of_the_usual(project: Project) -> None:
    Project.objects.update(created_at=timezone.now() - timedelta(weeks=2))
    hours_of_spend(project, 500)

    assert watch() == 0


@given(
    past=st.lists(st.integers(0, 10**6).map(Decimal), min_size=3, max_size=8),
    dear=st.integers(0, 10**9).map(Decimal),
)
def test_the_bound_is_never_below_the_median_and_one_hour_hardly_moves_it(
    past: list[Decimal], dear: Decimal
) -> None:
    steady = [Decimal(10)] * 7

    assert usual_bound(past, Decimal(6)) >= sorted(past)[(len(past) - 1) // 2]
    assert usual_bound([*steady, dear], Decimal(6)) == usual_bound(steady, Decimal(6))


def test_a_budget_that_will_not_last_is_told_once_in_its_period(
    project: Project,
) -> None:
    budget = Budget.objects.create(project=project, amount_usd=Decimal(100))
    now = timezone.now()
    window = BudgetWindow.objects.create(
        budget=budget,
        starts_at=now - timedelta(days=10),
        ends_at=now + timedelta(days=20),
        spent_nano=30 * 10**9,
    )
    assert watch() == 0, "ninety of a hundred"

    window.spent_nano = 40 * 10**9
    window.save()
    assert (watch(), watch()) == (1, 0)

    alert = Alert.objects.get()
    assert alert.title == "acorn: a budget will not last its month"
    assert round(Decimal(alert.facts["forecast_usd"]), 2) == 120


def test_a_model_without_a_price_is_told_while_it_is_used(project: Project) -> None:
    make_hours(project, 1, unpriced=3)
    make_hours(project, 2, unpriced=3, status="failed")
    make_hours(project, 30, model="old", unpriced=3)

    assert (watch(), watch()) == (1, 0)
    assert told() == ["acme/large is used without a price"]


def test_a_model_that_goes_is_told_to_those_who_use_it(project: Project) -> None:
    provider = make_provider("acme")
    soon = timezone.now().date() + timedelta(days=20)
    successor = make_model(provider, "larger")
    make_model(provider, "large", deprecated_on=soon, successor=successor)
    make_model(provider, "unused", deprecated_on=soon)
    make_model(provider, "later", deprecated_on=date(2100, 1, 1))
    make_day(project, 1)
    make_day(project, 2, model="later")

    assert (watch(), watch()) == (1, 0)
    assert told() == [f"acme/large goes on {soon} and is in use"]
    assert "acme/larger takes its place." in Notification.objects.get().text


def test_an_approval_that_waits_too_long_is_told(project: Project) -> None:
    now = timezone.now()
    for minutes in (10, 61):
        row = Approval.objects.create(
            project=project,
            operation="chat",
            path="/v1/chat/completions",
            provider="acme",
            model="large",
            digest=uuid.uuid4().bytes * 2,
            estimate_usd=Decimal(3),
            threshold_usd=Decimal(1),
            expires_at=now + timedelta(hours=5),
        )
        Approval.objects.filter(pk=row.pk).update(
            requested_at=now - timedelta(minutes=minutes)
        )

    assert (watch(), watch()) == (1, 0)
    assert told() == ["acorn: a request has waited for 61 min to be approved"]


def test_what_is_silenced_is_kept_and_told_when_the_silence_ends(
    project: Project, admin_user: User
) -> None:
    silence = AlertSilence.objects.create(
        subject="acme/large",
        until=timezone.now() + timedelta(hours=1),
        reason="It is being moved.",
        silenced_by=admin_user,
    )
    NotificationChannel.objects.create(name="all", kind="email", address="a@b.example")
    attempts(project, 30, status="failed", http_status=503)
    assert (watch(), watch()) == (0, 0)

    alert = Alert.objects.get()
    assert (alert.silence, alert.notification) == (silence, None)

    AlertSilence.objects.update(until=timezone.now())
    assert (watch(), watch()) == (1, 0)

    alert.refresh_from_db()
    assert (alert.silence, alert.notification) == (None, Notification.objects.get())


def test_an_organization_silences_its_own_channels_alone(project: Project) -> None:
    own = project.organization
    for name, fields in {
        "everybody": {},
        "own": {"organization": own},
    }.items():
        NotificationChannel.objects.create(
            name=name, kind="email", address="a@b.example", **fields
        )
    AlertSilence.objects.create(
        organization=own, until=timezone.now() + timedelta(hours=1), reason="Quiet."
    )
    hours_of_spend(project, 40)

    assert watch() == 1

    assert [row.channel.name for row in Delivery.objects.all()] == ["everybody"]


def test_the_silence_of_another_organization_changes_nothing(project: Project) -> None:
    other = OrganizationFactory.create(slug="other")
    AlertSilence.objects.create(
        organization=other, until=timezone.now() + timedelta(hours=1), reason="Quiet."
    )
    hours_of_spend(project, 40)

    assert watch() == 1
    assert Alert.objects.get().silence is None


def test_a_rule_with_a_channel_tells_it_alone(project: Project) -> None:
    AlertRule.objects.update(active=False)
    channels = [
        NotificationChannel.objects.create(name=n, kind="email", address="a@b.example")
        for n in "ab"
    ]
    rule(kind="errors", threshold=10, at_least=5, channel=channels[1])
    attempts(project, 30, status="failed", http_status=503)

    assert watch() == 1
    assert Delivery.objects.get().channel == channels[1]


def test_a_rule_that_is_switched_off_finds_nothing(project: Project) -> None:
    AlertRule.objects.update(active=False)
    attempts(project, 30, status="failed", http_status=503)
    hours_of_spend(project, 400)

    assert watch() == 0
    assert not Alert.objects.exists()


def test_ready_rules_are_the_operators_once_they_are_there() -> None:
    count = AlertRule.objects.count()
    AlertRule.objects.filter(ready="errors").update(threshold=99, name="Mine")

    make_ready_rules()

    assert AlertRule.objects.count() == count == 11
    assert AlertRule.objects.get(ready="errors").threshold == 99


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"kind": "errors", "window_minutes": 90}, "window_minutes"),
        ({"kind": "errors", "threshold": -1}, "threshold"),
        ({"kind": "gossip"}, "kind"),
    ],
)
def test_a_rule_that_cannot_work_is_refused(fields: dict[str, Any], wrong: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        rule(**fields)

    assert wrong in refusal.value.message_dict
