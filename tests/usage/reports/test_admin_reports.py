"""Reports, rules and prices in the admin: who sees them, and what the pages do."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tenants.models import Project, Role
from tests.admin_pages import save, saved, text_of
from tests.factories import OrganizationFactory, ProjectFactory
from tests.people import person
from tests.usage.reports.rows import define, use
from tests.usage.reports.test_reports import only_yesterday, yesterday
from usage.models import (
    Alert,
    AlertRule,
    AlertSilence,
    ReportDefinition,
    ReportRun,
    Rerating,
)
from usage.reports.running import run_due

pytestmark = pytest.mark.django_db

DEFINITIONS = "/admin/usage/reportdefinition/"
RUNS = "/admin/usage/reportrun/"
RULES = "/admin/usage/alertrule/"
SILENCES = "/admin/usage/alertsilence/"


@pytest.fixture
def project() -> Project:
    project: Project = ProjectFactory.create(slug="acorn", name="Acorn")
    return project


@pytest.fixture
def run(project: Project) -> ReportRun:
    use(project, yesterday(), 1, an_hour=1)
    only_yesterday(define(project=project, name="Daily figures"))
    run_due()
    return ReportRun.objects.get()


def page_of(run: ReportRun, which: str) -> str:
    return reverse(f"admin:usage_reportrun_{which}", args=[run.pk])


def test_a_report_is_defined_in_the_admin(
    admin_client: Client, project: Project
) -> None:
    answer = save(
        admin_client,
        f"{DEFINITIONS}add/",
        {
            "name": "Weekly",
            "project": str(project.pk),
            "sections": ["traffic", "cost"],
            "delivery": "email",
            "recipients": "ada@example.com",
        },
    )

    assert saved(answer), text_of(answer)
    row = ReportDefinition.objects.get()
    assert (row.organization, row.sections) == (
        project.organization,
        ["traffic", "cost"],
    )


def test_the_preview_shows_the_report_and_keeps_and_sends_nothing(
    admin_client: Client, project: Project, mailoutbox: list[Any]
) -> None:
    use(project, yesterday(), 1, an_hour=1)
    row = define(project=project, delivery="email", recipients="ada@example.com")

    url = reverse("admin:usage_reportdefinition_preview", args=[row.pk])
    page = admin_client.get(url)

    assert "acme/large-2" in text_of(page)
    assert "default-src 'none'; img-src data:" in page["Content-Security-Policy"]
    assert not ReportRun.objects.exists()
    assert mailoutbox == []


def test_a_stored_report_is_opened_and_downloaded(
    admin_client: Client, run: ReportRun
) -> None:
    assert "Daily figures" in text_of(admin_client.get(RUNS))
    page, numbers = (admin_client.get(page_of(run, each)) for each in ("view", "csv"))

    assert "data:image/png;base64," in page.content.decode()
    assert numbers.content.decode() == run.csv
    assert "attachment" in numbers["Content-Disposition"]


@pytest.mark.parametrize(
    ("role", "status"), [(Role.ANALYST, 200), (Role.READ_ONLY, 403)]
)
def test_a_report_is_for_analysts_of_its_organization(
    client: Client, run: ReportRun, role: str, status: int
) -> None:
    other = OrganizationFactory.create(slug="other")
    client.force_login(person(role, run.organization))
    assert [client.get(page_of(run, each)).status_code for each in ("view", "csv")] == [
        status
    ] * 2

    client.force_login(person(Role.OWNER, other, "eve"))
    answers = [client.get(page_of(run, each)) for each in ("view", "csv", "change")]
    assert not any("Acorn" in text_of(answer) for answer in answers)
    assert all(answer.status_code in {302, 403, 404} for answer in answers)


def test_a_report_that_failed_is_tried_again(
    admin_client: Client, run: ReportRun
) -> None:
    ReportRun.objects.update(state="failed", attempts=8)

    admin_client.post(
        RUNS, {"action": "try_again", "_selected_action": [str(run.pk)], "index": "0"}
    )

    run.refresh_from_db()
    assert (run.state, run.attempts) == ("rendered", 0)


def test_an_alert_leads_to_its_silence(
    admin_client: Client, admin_user: User, project: Project
) -> None:
    rule = AlertRule.objects.filter(ready="errors").first()
    alert = Alert.objects.create(
        rule=rule,
        kind="errors",
        organization=project.organization,
        project=project,
        subject="acme/large",
        once="x",
        title="acme/large: 40 % of attempts fail",
    )
    assert "40 % of attempts fail" in text_of(admin_client.get("/admin/usage/alert/"))

    leads = admin_client.get(
        reverse("admin:usage_alert_silence_subject", args=[alert.pk])
    )
    assert leads.url.startswith(f"{SILENCES}add/?")  # type: ignore[attr-defined]
    until = timezone.now() + timedelta(days=1)
    answer = save(
        admin_client,
        leads.url,  # type: ignore[attr-defined]
        {
            "until_0": f"{until:%Y-%m-%d}",
            "until_1": "12:00:00",
            "reason": "It is being moved.",
        },
    )

    assert saved(answer), text_of(answer)
    silence = AlertSilence.objects.get()
    assert (silence.subject, silence.project) == ("acme/large", project)
    assert silence.silenced_by == admin_user


def test_a_rule_that_came_with_the_installation_is_not_deleted(
    admin_client: Client,
) -> None:
    from usage.alerts.rules import make_ready_rules

    make_ready_rules()
    row = AlertRule.objects.get(ready="latency")
    page = text_of(admin_client.get(RULES))
    assert "Models that are slow" in page

    admin_client.post(f"{RULES}{row.pk}/delete/", {"post": "yes"})
    admin_client.post(
        RULES,
        {
            "action": "delete_selected",
            "_selected_action": [row.pk],
            "index": "0",
            "post": "yes",
        },
    )

    assert AlertRule.objects.filter(pk=row.pk).exists()


def test_a_re_rating_is_asked_for_by_the_installation_alone(
    admin_client: Client, admin_user: User, client: Client, project: Project
) -> None:
    asked = {
        "begins_at_0": "2026-03-01",
        "begins_at_1": "00:00:00",
        "ends_at_0": "2026-04-01",
        "ends_at_1": "00:00:00",
        "reason": "Price corrected",
    }
    url = "/admin/usage/rerating/add/"

    assert saved(save(admin_client, url, asked))
    client.force_login(person(Role.OWNER, project.organization, "owner"))
    assert client.post(url, asked).status_code == 403

    assert Rerating.objects.get().asked_by == admin_user
