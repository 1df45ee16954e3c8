"""A project asks for its own figures with its key."""

import csv
import io
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from tenants.models import ApiKey, OperatorToken, Organization, Project, Role
from tests.factories import OrganizationFactory, ProjectFactory
from tests.people import person
from tests.usage.test_overview import make_hours as make_hour

pytestmark = pytest.mark.django_db

URL = "/api/ai/analytics"
CONTROL = "/api/control/v1/usage/analytics/"


def calling(project: Project, **fields: Any) -> Client:
    _, text = ApiKey.issue(project, "test", **fields)
    return Client(headers={"authorization": f"Bearer {text}"})


def test_a_project_sees_its_own_figures_alone(
    project: Project, other_project: Project
) -> None:
    make_hour(project)
    make_hour(other_project, cost_usd=Decimal(100))

    answer = calling(project).get(URL)
    told = answer.json()

    assert answer.status_code == 200
    assert answer["cache-control"] == "private, no-store"
    assert told["overview"]["totalEvents"] == 10
    assert told["overview"]["totalCostUSD"] == "1.250000"
    assert told["providers"][0]["percentage"] == "100.0"


@pytest.mark.parametrize(
    ("scopes", "status"), [([], 200), (["analytics"], 200), (["inference"], 403)]
)
def test_a_key_with_scopes_needs_that_of_analytics(
    project: Project, scopes: list[str], status: int
) -> None:
    answer = calling(project, scopes=scopes).get(URL)

    assert answer.status_code == status


def test_nobody_without_a_key_gets_in() -> None:
    client = Client()
    client.force_login(person(Role.OWNER))

    told = client.get(URL)

    assert told.status_code == 401
    assert told.json()["success"] is False


def test_the_key_may_stand_in_the_address(project: Project) -> None:
    _, text = ApiKey.issue(project, "test")

    assert Client().get(URL, {"key": text}).status_code == 200


def test_a_wrong_parameter_is_named(project: Project) -> None:
    client = calling(project)
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"granularity": "minute"}, "granularity"),
        ({"model": ["a", "b"]}, "model"),
        ({"format": "xml"}, "format"),
        ({"project": "birch"}, "project"),
    ]

    for query, param in wrong:
        answer = client.get(URL, query)
        assert answer.status_code == 400
        assert answer.json()["error"]["param"] == param


def test_rows_come_as_csv_that_holds_no_formula(project: Project) -> None:
    make_hour(project, 1, feature="=HYPERLINK(1)")
    make_hour(project, 2, feature="plain, but quoted")
    client = calling(project)

    by_format = client.get(URL, {"format": "csv", "groupBy": "feature,model"})
    by_header = client.get(URL, headers={"accept": "text/csv"})

    rows = list(csv.DictReader(io.StringIO(by_format.content.decode())))
    assert by_format["content-type"] == "text/csv; charset=utf-8"
    assert {row["feature"] for row in rows} == {"'=HYPERLINK(1)", "plain, but quoted"}
    assert rows[0]["costUSD"] == "1.250000"
    days = list(csv.DictReader(io.StringIO(by_header.content.decode())))
    assert sum(int(day["events"]) for day in days) == 20
    assert days[0]["start"].endswith("+00:00")


def test_days_are_those_of_the_organization_s_time_zone() -> None:
    organization = OrganizationFactory(time_zone="Europe/Berlin")
    project = ProjectFactory.create(organization=organization)

    told = calling(project).get(URL, {"granularity": "day", "from": "2026-03-29"})

    assert told.json()["timeZone"] == "Europe/Berlin"
    starts = [row["start"] for row in told.json()["rows"]]
    assert starts[:2] == ["2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00"]


def test_people_see_the_figures_of_their_organization(
    project: Project,
) -> None:
    client = Client()
    elsewhere = ProjectFactory.create(
        slug="cedar", organization=Organization.objects.create(slug="other", name="O")
    )
    make_hour(project)
    make_hour(elsewhere)
    client.force_login(person(Role.ANALYST, project.organization))

    told = client.get(CONTROL, {"groupBy": "project"}).json()

    assert [row["project"] for row in told["rows"]] == ["acorn"]
    assert told["overview"]["totalEvents"] == 10
    assert client.get(CONTROL, {"project": "cedar"}).status_code == 400
    assert client.get(CONTROL, {"organization": "other"}).status_code == 400
    assert client.get(CONTROL, {"project": "acorn"}).status_code == 200


def test_who_may_not_see_usage_is_refused(project: Project) -> None:
    client = Client()
    client.force_login(person(Role.READ_ONLY, project.organization))

    assert client.get(CONTROL).status_code == 403


def test_project_keys_and_operator_tokens_stay_where_they_belong(
    project: Project,
) -> None:
    _, text = OperatorToken.issue(person(Role.OWNER), "test")
    token = Client(headers={"authorization": f"Bearer {text}"})

    assert calling(project).get(CONTROL).status_code == 401
    assert token.get(URL).status_code == 401
    assert token.get(CONTROL).status_code == 200


def test_a_month_of_many_events_is_asked_for_in_few_statements(
    project: Project, django_assert_max_num_queries: Any
) -> None:
    make_hour(project)
    client = calling(project)
    yesterday = (timezone.now() - timedelta(days=1)).date().isoformat()

    with django_assert_max_num_queries(12):
        answer = client.get(URL, {"from": yesterday, "groupBy": "model,apiKey"})

    assert answer.status_code == 200
