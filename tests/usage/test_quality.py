"""Flaws of answers, and what people think of them, by model and alias."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from tenants.models import Project
from tests.usage.test_admin_events import make_event
from tests.usage.test_overview import make_hours
from usage.analytics.feedback import Opinion, opinions_of
from usage.analytics.reading import Selection, sums_of
from usage.models import Feedback, HourlyUsage, TouchedHour
from usage.rollups import roll_up

pytestmark = pytest.mark.django_db

PAGE = "/admin/quality/"


def feedback(project: Project, score: float, **fields: object) -> Feedback:
    values: dict[str, object] = {
        "request_id": uuid4(),
        "operation": "chat",
        "alias": "fast",
        "provider": "acme",
        "model": "large",
        "occurred_at": timezone.now(),
        **fields,
    }
    return Feedback.objects.create(project=project, score=score, **values)


def test_roll_ups_count_why_answers_ended(project: Project) -> None:
    hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    for reason in ("stop", "stop", "length", "content_filter"):
        make_event(project, finish_reason=reason)
    make_event(project, status="failed", error_code="schema_validation_failed")
    TouchedHour.objects.create(hour=hour)

    roll_up()

    chosen = Selection(hour, hour + timedelta(hours=2), {"project_id": [project.pk]})
    (sums,) = sums_of(chosen).values()
    assert (sums.answers, sums.truncated, sums.refused, sums.violations) == (4, 1, 1, 1)
    assert (sums.truncation_rate, sums.violation_rate) == (0.25, 0.2)
    assert HourlyUsage.objects.filter(violations=1).count() == 1


def test_opinions_are_summed_by_time_and_model(
    project: Project, other_project: Project
) -> None:
    now = timezone.now()
    feedback(project, 1)
    feedback(project, 0.5)
    feedback(project, 0, model="small", occurred_at=now - timedelta(days=1))
    feedback(other_project, 0)
    begin = now - timedelta(days=2)
    cuts = (begin, now - timedelta(hours=12))
    where = {"project_id": [project.pk]}
    end = now + timedelta(hours=1)

    by_model = opinions_of(Selection(begin, end, where, ("model",)))
    by_day = opinions_of(
        Selection(
            begin,
            end,
            {"organization_id": [project.organization_id], **where},
            cuts=cuts,
        )
    )

    assert by_model == {(1, "large"): Opinion(2, 0.75), (1, "small"): Opinion(1, 0.0)}
    assert by_day == {(1,): Opinion(1, 0.0), (2,): Opinion(2, 0.75)}
    assert opinions_of(Selection(begin, now, {"status": ["ok"]})) is None


def test_the_page_shows_rates_and_scores_by_model_and_alias(
    admin_client: Client, project: Project
) -> None:
    make_hours(project, truncated=2, refused=1, violations=3)
    feedback(project, 1, provider="acme")
    feedback(project, 0.5, provider="acme")

    page = admin_client.get(PAGE, {"days": "1"})

    assert page.status_code == 200
    text = page.content.decode()
    assert "Quality of answers" in text
    assert "acme/large" in text
    assert "0.75" in text


def test_the_page_is_empty_without_answers_and_says_so(admin_client: Client) -> None:
    assert (
        "Nothing was answered in this time." in admin_client.get(PAGE).content.decode()
    )


def test_the_page_is_for_who_sees_usage(client: Client) -> None:
    assert client.get(PAGE).status_code == 302
