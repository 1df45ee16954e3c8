"""Lists: pages, order and filters, all of them bounded and named."""

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from gateway.control.urls import RESOURCES
from tenants.models import ApiKey, Project
from tests.factories import (
    AIModelFactory,
    AliasFactory,
    ApiKeyFactory,
    LimitFactory,
    ProjectFactory,
)
from tests.gateway.control.calling import ROOT, Caller

pytestmark = pytest.mark.django_db


def path_in(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path.removeprefix(ROOT + '/')}?{parts.query}"


def walk(caller: Caller, path: str, key: str = "next") -> list[list[Any]]:
    """Return the ids on each page, from one page to the next."""
    pages = []
    while path:
        page = caller.get(path).json()
        assert set(page) == {"next", "previous", "results"}
        pages.append([row["id"] for row in page["results"]])
        path = path_in(page[key]) if page[key] else ""
    return pages


def test_pages_lead_to_one_another_and_back(platform: Caller, project: Project) -> None:
    limits = [
        LimitFactory.create(project=project, alias=f"a{number}", amount=number // 3 + 1)
        for number in range(7)
    ]
    newest_first = [row.pk for row in reversed(limits)]

    pages = walk(platform, "limits/?page_size=3")

    assert pages == [newest_first[:3], newest_first[3:6], newest_first[6:]]
    last = platform.get("limits/?page_size=3").json()
    for _ in range(2):
        last = platform.get(path_in(last["next"])).json()
    assert last["next"] is None
    back = walk(platform, path_in(last["previous"]), "previous")
    assert back == [newest_first[3:6], newest_first[:3]]


@pytest.mark.parametrize("ordering", ["amount", "-amount", "-id", "id"])
def test_each_row_is_on_one_page_whatever_the_order(
    platform: Caller, project: Project, ordering: str
) -> None:
    for number in range(7):
        LimitFactory.create(project=project, alias=f"a{number}", amount=number // 3 + 1)
    name = ordering.lstrip("-")

    pages = walk(platform, f"limits/?page_size=2&ordering={ordering}")

    ids = [pk for page in pages for pk in page]
    assert len(set(ids)) == len(ids) == 7
    whole = platform.get(f"limits/?ordering={ordering}").json()["results"]
    values = [row[name] for row in whole]
    assert values == sorted(values, reverse=ordering.startswith("-"))
    assert ids == [row["id"] for row in whole]


def test_rows_that_come_meanwhile_repeat_and_hide_none(
    platform: Caller, project: Project
) -> None:
    for number in range(4):
        LimitFactory.create(project=project, alias=f"a{number}")
    first = platform.get("limits/?page_size=2").json()

    LimitFactory.create(project=project, alias="new")
    second = platform.get(path_in(first["next"])).json()

    ids = [row["id"] for row in (*first["results"], *second["results"])]
    assert len(set(ids)) == 4


def test_no_list_counts_its_rows(platform: Caller, project: Project) -> None:
    for resource in {*RESOURCES} - {"bundle", "captured-texts"}:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert platform.get(f"{resource}/").status_code == 200

        sql = " ".join(query["sql"] for query in queries.captured_queries)
        assert "COUNT(" not in sql
        assert " OFFSET " not in sql
        # What changed between two versions stands in a table for each audited model.
        assert len(queries) <= (40 if resource == "versions" else 5), resource


@pytest.mark.parametrize("count", [1, 20])
def test_a_list_asks_the_database_as_often_for_many_rows(
    platform: Caller, project: Project, count: int
) -> None:
    for number in range(count):
        ApiKeyFactory.create(project=ProjectFactory.create(), name=f"k{number}")
        AliasFactory.create()
        AIModelFactory.create()
    for resource in ("keys", "aliases", "models", "projects", "providers"):
        with CaptureQueriesContext(connection) as queries:
            platform.get(f"{resource}/")

        # The token, the roles, the rows, and of aliases their targets.
        assert len(queries) <= 4, resource


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("?projct=acorn", "projct"),
        ("?page=2", "page"),
        ("?ordering=project__organization__name", "ordering"),
        ("?ordering=digest", "ordering"),
        ("?page_size=0", "page_size"),
        ("?page_size=201", "page_size"),
        ("?page_size=9999999999999999", "page_size"),
        ("?page_size=x", "page_size"),
        ("?cursor=x", "cursor"),
        ("?cursor=WyIxIl0", "cursor"),
        ("?cursor=WyJhIiwiYiIsMF0", "cursor"),
        ("?cursor=%00", "cursor"),
        ("?metric=nothing", "metric"),
        ("?project=acorn&project=birch", "project"),
        ("?format=xml", "format"),
    ],
)
def test_parameters_that_are_not_known_or_not_valid_are_refused(
    platform: Caller, project: Project, query: str, field: str
) -> None:
    answer = platform.get(f"limits/{query}")

    assert answer.status_code == 400
    assert list(answer.json()["error"]["fields"]) == [field]


def test_moments_are_read_with_every_offset_and_refused_out_of_range(
    platform: Caller, project: Project
) -> None:
    first = platform.get("keys/?expires_until=0001-01-01T00:00:00%2B23:00")
    far = platform.get("keys/?expires_until=4680-01-17T13:16:12-19:36")

    assert first.status_code == 400
    assert list(first.json()["error"]["fields"]) == ["expires_until"]
    assert far.status_code == 200


def test_parameters_of_single_rows_are_refused_too(
    platform: Caller, project: Project
) -> None:
    path = f"projects/{project.pk}/?project=acorn"

    assert platform.get(path).status_code == 400
    assert platform.patch(path, {}).status_code == 400


def test_filters_name_rows_by_id_or_by_name(
    platform: Caller, project: Project, other_project: Project
) -> None:
    own = LimitFactory.create(project=project)
    LimitFactory.create(project=other_project)

    for value in (str(project.pk), "acorn"):
        found = platform.get(f"limits/?project={value}").json()["results"]
        assert [row["id"] for row in found] == [own.pk]


def test_filters_of_models_look_into_their_lists(platform: Caller) -> None:
    AIModelFactory.create(operations=["chat"], capabilities=["text"])
    wanted = AIModelFactory.create(
        operations=["embeddings"], capabilities=["embeddings"]
    )

    for query in ("operation=embeddings", "capability=embeddings"):
        found = platform.get(f"models/?{query}").json()["results"]
        assert [row["id"] for row in found] == [wanted.pk]


def test_several_names_are_separated_by_commas(platform: Caller) -> None:
    for name in ("one", "two", "three"):
        AliasFactory.create(name=name)

    found = platform.get("aliases/?name=one,three").json()["results"]

    assert [row["name"] for row in found] == ["one", "three"]


def test_keys_are_found_by_how_they_stand(platform: Caller, project: Project) -> None:
    past = timezone.now() - timedelta(hours=1)
    keys = {
        name: ApiKeyFactory.create(project=project, name=name)
        for name in ("active", "expired", "revoked")
    }
    ApiKey.objects.filter(pk=keys["expired"].pk).update(
        created_at=past - timedelta(hours=1), expires_at=past
    )
    keys["revoked"].revoke()

    for status, key in keys.items():
        found = platform.get(f"keys/?status={status}").json()["results"]
        assert [row["id"] for row in found] == [key.pk]
