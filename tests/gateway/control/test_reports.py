"""Reports and alerts over the control API."""

from datetime import timedelta

import pytest
from django.utils import timezone

from tenants.models import Project, Role
from tests.gateway.control.calling import Caller, caller
from tests.usage.reports.rows import define
from usage.alerts.rules import make_ready_rules
from usage.models import Alert, AlertRule, AlertSilence, ReportRun
from usage.reports.running import run_due

pytestmark = pytest.mark.django_db


@pytest.fixture
def run(project: Project) -> ReportRun:
    define(project=project, sections=["traffic"])
    run_due()
    found: ReportRun | None = ReportRun.objects.order_by("period").last()
    assert found is not None
    return found


def test_a_report_is_read_as_a_page_and_as_numbers(
    project: Project, run: ReportRun
) -> None:
    analyst = caller(Role.ANALYST, project.organization)

    listed = analyst.get(f"report-runs/?project=acorn&state=sent&period={run.period}")
    page = analyst.get(f"report-runs/{run.pk}/html/")
    numbers = analyst.get(f"report-runs/{run.pk}/csv/")

    assert [row["id"] for row in listed.json()["results"]] == [str(run.pk)]
    assert "html" not in listed.json()["results"][0]
    assert page["Content-Type"] == "text/html; charset=utf-8"
    assert "attachment" in page["Content-Disposition"]
    assert numbers.content.decode() == run.csv


def test_reports_are_for_analysts_of_their_organization(
    project: Project, foreign: Project, run: ReportRun
) -> None:
    reader = caller(Role.READ_ONLY, project.organization)
    stranger = caller(Role.OWNER, foreign.organization)

    for path in ("", "html/", "csv/"):
        assert reader.get(f"report-runs/{run.pk}/{path}").status_code == 403
        assert stranger.get(f"report-runs/{run.pk}/{path}").status_code == 404


def test_a_definition_that_cannot_work_is_refused_with_what_to_do(
    operator: Caller, project: Project
) -> None:
    answer = operator.post(
        "report-definitions/",
        {"project": "acorn", "name": "x", "delivery": "email", "recipients": "ada"},
    )

    assert answer.status_code == 400
    assert list(answer.json()["error"]["fields"]) == ["recipients"]


def test_a_report_stays_whose_it_is(operator: Caller, project: Project) -> None:
    row = define(project=project)

    answer = operator.patch(f"report-definitions/{row.pk}/", {"project": None})

    assert answer.status_code == 400
    row.refresh_from_db()
    assert row.project == project


def test_rules_of_the_installation_are_seen_and_not_changed(
    operator: Caller, platform: Caller
) -> None:
    make_ready_rules()
    row = AlertRule.objects.get(ready="errors")
    path = f"alert-rules/{row.pk}/"

    assert operator.get(path).json()["threshold"] == "20.0000"
    assert operator.patch(path, {"active": False}).status_code == 403
    assert platform.delete(path).status_code == 409
    assert platform.patch(path, {"active": False}).status_code == 200


def test_a_silence_says_whose_word_it_is(operator: Caller, project: Project) -> None:
    until = timezone.now() + timedelta(hours=2)
    answer = operator.post(
        "alert-silences/",
        {
            "project": "acorn",
            "subject": "acme/large",
            "until": until.isoformat(),
            "reason": "It is being moved.",
        },
    )

    assert answer.status_code == 201, answer.content
    row = AlertSilence.objects.get()
    assert row.silenced_by is not None
    assert answer.json()["silenced_by"] == row.silenced_by.get_username()
    assert operator.post(
        "alert-silences/", {"until": until.isoformat(), "reason": "All of them."}
    ).status_code in {400, 403}


def test_the_history_is_read_by_kind(operator: Caller, project: Project) -> None:
    for kind in ("errors", "latency"):
        Alert.objects.create(
            kind=kind,
            organization=project.organization,
            project=project,
            subject="acme/large",
            once=kind,
            title=f"{kind} of acme/large",
        )

    found = operator.get("alerts/?kind=latency").json()["results"]

    assert [row["title"] for row in found] == ["latency of acme/large"]
