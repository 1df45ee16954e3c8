"""Reports: what they say, to whom they go, and that each goes once."""

import csv
import email
import email.policy
import io
import threading
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connections, transaction
from django.db.models import Sum
from django.utils import timezone
from standardwebhooks import Webhook

from tenants.models import Budget, Project
from tests.factories import OrganizationFactory, ProjectFactory
from tests.usage.notifications.test_delivery import SECRET, channel
from tests.usage.receiving import Mailbox, Receiver
from tests.usage.reports.rows import define, use
from usage.models import ReportDefinition, ReportRun, UsageEvent
from usage.reports import running
from usage.reports.rendering import render, with_pictures
from usage.reports.running import clear_old, make_due, period_of, run_due

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    project: Project = ProjectFactory.create(slug="acorn", name="Acorn <b>Ltd</b>")
    return project


def yesterday() -> Any:
    today = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
    return today - timedelta(days=1)


def only_yesterday(definition: ReportDefinition) -> None:
    ReportDefinition.objects.filter(pk=definition.pk).update(
        created_at=yesterday() + timedelta(hours=1)
    )


def table(text: str) -> dict[tuple[str, ...], str]:
    rows = list(csv.reader(io.StringIO(text)))
    assert rows[0] == ["section", "table", "row", "column", "value"]
    return {tuple(row[:4]): row[4] for row in rows[1:]}


def test_a_report_tells_what_the_events_came_to(project: Project) -> None:
    count = use(project, yesterday(), 1)
    other = ProjectFactory.create(slug="birch", name="Birch")
    use(other, yesterday(), 1)
    Budget.objects.create(project=project, amount_usd=Decimal(50))
    definition = define(project=project)
    only_yesterday(definition)

    run_due()

    run = ReportRun.objects.get()
    assert (run.state, run.error) == ("sent", "")
    spent = UsageEvent.objects.filter(project_id=project.pk).aggregate(
        cost=Sum("cost_usd"), saved=Sum("saved_usd")
    )
    found = table(run.csv)
    assert found["traffic", "", "", "Requests"] == str(count)
    assert Decimal(found["cost", "", "", "Cost"]) == spent["cost"]
    assert Decimal(found["cache", "", "", "Saved"]) == spent["saved"]
    by_model = [
        Decimal(value)
        for (section, title, _, column), value in found.items()
        if (section, title, column) == ("cost", "By model", "cost_usd")
    ]
    assert sum(by_model) == spent["cost"]
    assert "acme/large-2" in run.html
    assert "Acorn &lt;b&gt;Ltd&lt;/b&gt;" in run.html
    assert "Birch" not in run.html + run.csv
    for name in run.charts:
        assert f"cid:{name}" in run.html
    shown = with_pictures(run.html, run.charts)
    assert "cid:" not in shown
    assert shown.count("data:image/png;base64,") == len(run.charts) == 6


def test_each_period_is_reported_once_however_often_one_looks() -> None:
    definition = define()

    assert make_due(timezone.now()) == 3
    assert make_due(timezone.now()) == 0
    assert run_due() == 3
    assert run_due() == 0

    labels = list(definition.runs.order_by("period").values_list("period", flat=True))
    days = [yesterday() - timedelta(days=n) for n in (2, 1, 0)]
    assert labels == [f"{day:%Y-%m-%d}" for day in days]
    # Another zone makes no second report of the same day.
    ReportDefinition.objects.update(time_zone="Europe/Berlin")
    make_due(timezone.now() + timedelta(hours=3))
    assert definition.runs.filter(period__in=labels).count() == 3


def test_nothing_is_reported_while_it_is_switched_off() -> None:
    define(active=False)

    assert run_due() == 0


def test_a_mail_holds_text_pictures_and_numbers(
    mailbox: Mailbox, project: Project
) -> None:
    use(project, yesterday(), 1, an_hour=1)
    definition = define(
        project=project, delivery="email", recipients="ada@example.com, bo@example.com"
    )
    only_yesterday(definition)

    run_due()

    (envelope,) = mailbox.messages
    assert envelope.rcpt_tos == ["ada@example.com", "bo@example.com"]
    mail: Any = email.message_from_bytes(envelope.content, policy=email.policy.default)
    run = ReportRun.objects.get()
    assert mail["Message-ID"] == run.message_id
    assert mail["Subject"].startswith("Figures: Acorn")
    html = mail.get_body(("html",)).get_content()
    pictures = {
        part["Content-ID"].strip("<>")
        for part in mail.walk()
        if part.get_content_type() == "image/png"
    }
    assert pictures == set(run.charts)
    assert all(f"cid:{name}" in html for name in pictures)
    assert (
        "its numbers are in the attached CSV" in mail.get_body(("plain",)).get_content()
    )
    (attached,) = mail.iter_attachments()
    assert (
        attached.get_filename() == f"signalbox-acorn-{run.period}-{definition.pk}.csv"
    )
    assert attached.get_content().replace("\r\n", "\n") == run.csv.replace("\r\n", "\n")


def test_a_webhook_gets_the_report_signed_under_an_id_that_stays(
    receiver: Receiver, project: Project
) -> None:
    hook = channel("webhook", receiver.url)
    definition = define(project=project, delivery="webhook", webhook=hook)
    only_yesterday(definition)
    receiver.status = 500
    run_due()
    run = ReportRun.objects.get()
    assert (run.state, run.attempts) == ("rendered", 1)
    assert "500" in run.error
    drawn = run.rendered_at
    assert run_due() == 0, "not before its time"

    receiver.status = 200
    ReportRun.objects.update(next_attempt_at=timezone.now() - timedelta(seconds=1))
    run_due()

    run.refresh_from_db()
    assert (run.state, run.attempts, run.rendered_at) == ("sent", 2, drawn)
    (first, _), (headers, body) = receiver.posted
    event = Webhook(SECRET).verify(body, headers)
    assert event["type"] == "signalbox.report"
    assert event["data"]["csv"] == run.csv
    assert event["data"]["project"] == "acorn"
    assert headers["webhook-id"] == first["webhook-id"] == f"msg_{run.pk.hex}"


def test_one_that_cannot_be_drawn_up_holds_up_no_other(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = define(name="Bad"), define(name="Good")
    for each in (bad, good):
        only_yesterday(each)
    real = render

    def failing(definition: ReportDefinition, *rest: Any) -> Any:
        if definition.pk == bad.pk:
            raise ZeroDivisionError
        return real(definition, *rest)

    monkeypatch.setattr(running, "render", failing)

    run_due()

    assert good.runs.get().state == "sent"
    run = bad.runs.get()
    assert (run.state, run.error) == ("claimed", "ZeroDivisionError: ")
    for _ in range(running.MAX_ATTEMPTS):
        ReportRun.objects.update(next_attempt_at=timezone.now() - timedelta(days=1))
        run_due()
    run.refresh_from_db()
    assert (run.state, run.attempts) == ("failed", running.MAX_ATTEMPTS)


@pytest.mark.django_db(transaction=True)
def test_several_workers_send_each_report_once(mailbox: Mailbox) -> None:
    for number in range(3):
        definition = define(
            name=f"Report {number}",
            delivery="email",
            recipients="ada@example.com",
            sections=["errors"],
        )
        only_yesterday(definition)

    def work() -> None:
        for _ in range(3):
            run_due()
        connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert ReportRun.objects.filter(state="sent").count() == 3
    assert len(mailbox.messages) == 3


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("held_s", "state"), [(0.1, "sent"), (0.6, "claimed")])
def test_a_claimed_report_waits_for_who_only_looks_at_it(
    monkeypatch: pytest.MonkeyPatch, held_s: float, state: str
) -> None:
    monkeypatch.setattr(running, "_LOCK_MS", 300)
    only_yesterday(define())
    make_due(timezone.now())
    claimed = running._claim_one()
    assert claimed is not None
    has_lock, lets_go = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            ReportRun.objects.select_for_update().get(pk=claimed.pk)
            has_lock.set()
            lets_go.wait(held_s)
        connections.close_all()

    looking = threading.Thread(target=hold)
    looking.start()
    has_lock.wait()
    running._work_on(claimed)
    lets_go.set()
    looking.join()

    found = ReportRun.objects.get()
    assert (found.state, found.attempts) == (state, 1)


def test_a_report_of_all_tells_of_projects_and_of_nobody_twice() -> None:
    for slug in ("one", "two"):
        organization = OrganizationFactory.create(slug=f"org-{slug}")
        use(ProjectFactory.create(slug=slug, organization=organization), yesterday(), 1)
    definition = define()
    only_yesterday(definition)
    run_due()

    found = table(definition.runs.get().csv)
    projects = {
        row: Decimal(value)
        for (_, title, row, column), value in found.items()
        if (title, column) == ("By project", "cost_usd")
    }
    assert set(projects) == {"one", "two"}
    assert sum(projects.values()) == Decimal(found["cost", "", "", "Cost"])


def test_an_empty_time_has_a_report_too(project: Project) -> None:
    definition = define(project=project)
    run = running.new_run(definition, _last(definition), timezone.now())

    found = render(definition, period_of(run), timezone.now())

    assert "Nothing was asked in this time." in found.html
    assert found.charts == {}


def _last(definition: ReportDefinition) -> Any:
    from usage.reports.periods import period_with

    zone = definition.zone
    today = timezone.now().astimezone(zone).date()
    return period_with(today, definition.period, zone).before(zone)


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"delivery": "email"}, "recipients"),
        ({"delivery": "email", "recipients": "ada"}, "recipients"),
        ({"delivery": "webhook"}, "webhook"),
        ({"sections": []}, "sections"),
        ({"sections": ["gossip"]}, "sections"),
        ({"time_zone": "Asia/Kathmandu"}, "time_zone"),
        ({"hour": 24}, "hour"),
    ],
)
def test_a_definition_that_cannot_work_is_refused(
    fields: dict[str, Any], wrong: str
) -> None:
    with pytest.raises(ValidationError) as refusal:
        define(**fields)

    assert wrong in refusal.value.message_dict


def test_days_that_begin_within_an_hour_are_told_where_they_are_summed_so() -> None:
    organization = OrganizationFactory.create(slug="ktm", time_zone="Asia/Kathmandu")

    assert define(organization=organization, time_zone="").zone.key == "Asia/Kathmandu"
    define(organization=organization, name="Other", time_zone="Asia/Kathmandu")


def test_old_reports_go_and_none_that_would_be_made_again(settings: Any) -> None:
    settings.REPORT_RETENTION_DAYS = 1
    definition = define()
    run_due()
    old = definition.runs.order_by("period").first()
    assert old is not None
    ReportRun.objects.filter(pk=old.pk).update(
        ends_at=timezone.now() - timedelta(days=101)
    )

    assert clear_old() == 1

    assert definition.runs.count() == 2
