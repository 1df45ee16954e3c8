"""The audit over HTTP: changes made here bear who made them."""

import json
from typing import Any

import pytest

from tenants.models import Limit, Organization, Project, Role
from tests.factories import LimitFactory, ProviderFactory
from tests.gateway.control.calling import Caller, caller

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_change_bears_its_person_and_the_token(
    organization: Organization, project: Project
) -> None:
    ada = caller(Role.OPERATOR, organization, name="ada")
    limit = LimitFactory.create(project=project, amount=600)
    ada.patch(f"limits/{limit.pk}/", {"amount": 900})

    answer = ada.get(f"audit/?model=tenants.limit&object_id={limit.pk}&action=update")

    (entry,) = answer.json()["results"]
    assert entry["actor"] == f"ada ({ada.token[:18]}…)"
    assert entry["place"] == f"/api/control/v1/limits/{limit.pk}/"
    assert entry["name"] == "acorn: 900 requests per minute"
    assert entry["changes"] == [{"field": "amount", "before": "600", "after": "900"}]


def test_pages_go_on_where_the_one_before_ended(
    platform: Caller, project: Project
) -> None:
    for number in range(5):
        LimitFactory.create(project=project, alias=f"a{number}")
    seen, path = [], "audit/?model=tenants.limit&page_size=2"
    while path:
        page = platform.get(path).json()
        seen += [row["name"] for row in page["results"]]
        path = (page["next"] or "").partition("/control/v1/")[2]

    assert len(seen) == 5
    assert platform.get("audit/").json()["previous"] is None


def test_people_see_what_concerns_their_organization_alone(
    operator: Caller, platform: Caller, project: Project, foreign: Project
) -> None:
    LimitFactory.create(project=project)
    LimitFactory.create(project=foreign)
    ProviderFactory.create(slug="shared")

    def names(who: Caller) -> str:
        return " ".join(
            f"{row['model']} {row['name']} {row['parent']}"
            for row in who.get("audit/?page_size=200").json()["results"]
        )

    assert "acorn" in names(operator)
    assert "birch" not in names(operator)
    assert "shared" not in names(operator)
    assert platform.token[:18] not in names(operator)
    assert all(name in names(platform) for name in ("acorn", "birch", "shared"))
    assert platform.token[:18] in names(platform)


def test_a_deleted_row_is_still_told_of(operator: Caller, project: Project) -> None:
    limit = LimitFactory.create(project=project)
    operator.delete(f"limits/{limit.pk}/")

    found = operator.get("audit/?model=tenants.limit&action=delete").json()["results"]

    assert [row["object_id"] for row in found] == [str(limit.pk)]
    assert not Limit.objects.exists()


@pytest.mark.parametrize(
    "query",
    [
        "model=nothing.here",
        "object_id=1",
        "model=tenants.limit&object_id=x'--",
        "action=drop",
        "since=yesterday",
        "cursor=limitevent.x",
        "cursor=" + "9" * 5_000,
        "page_size=0",
        "who=ada",
    ],
)
def test_wrong_filters_are_refused(platform: Caller, query: str) -> None:
    assert platform.get(f"audit/?{query}").status_code == 400


@pytest.mark.parametrize(
    "query",
    [
        "user=nobody",
        "user=999999999999999999999999",
        "q=%25",
        "model=tenants.limit&object_id=999999999999999999999",
        "model=tenants.approval&object_id=5b0e0d5c-6c1f-4f0e-9d4a-7a2f6f0c1e55",
    ],
)
def test_filters_that_fit_nothing_find_nothing(
    platform: Caller, project: Project, query: str
) -> None:
    LimitFactory.create(project=project)

    assert platform.get(f"audit/?{query}").json()["results"] == []


def exported(who: Caller, query: str = "") -> Any:
    answer = who.get(f"audit/export/?{query}")
    text = b"".join(answer.streaming_content).decode()
    return answer, text.splitlines()


def test_the_audit_is_exported_as_lines_of_json_or_csv(
    platform: Caller, project: Project
) -> None:
    limit = LimitFactory.create(project=project, amount=600)
    platform.patch(f"limits/{limit.pk}/", {"amount": 900})

    as_json, lines = exported(platform, "model=tenants.limit&action=update")
    as_csv, rows = exported(platform, "model=tenants.limit&action=update&as=csv")

    assert as_json["content-type"] == "application/x-ndjson"
    assert as_json["cache-control"] == "private, no-store"
    (line,) = map(json.loads, lines)
    assert line["changes"] == [{"field": "amount", "before": "600", "after": "900"}]
    assert as_csv["content-disposition"] == 'attachment; filename="audit.csv"'
    assert [row.split(",")[-3:] for row in rows[1:]] == [["amount", "600", "900"]]


def test_an_export_holds_what_concerns_the_organization_alone(
    operator: Caller, platform: Caller, project: Project, foreign: Project
) -> None:
    LimitFactory.create(project=project)
    LimitFactory.create(project=foreign)

    _, ours = exported(operator)
    _, everything = exported(platform)

    assert any("acorn" in line for line in ours)
    assert not any("birch" in line for line in ours)
    assert any("birch" in line for line in everything)


def test_an_export_refuses_what_it_does_not_know(platform: Caller) -> None:
    for query in ("as=xml", "cursor=a.1", "since=yesterday"):
        assert platform.get(f"audit/export/?{query}").status_code == 400
    assert caller(Role.ANALYST).get("audit/export/").status_code == 403
