"""Versions over HTTP: which there are, how they differ, and the way back."""

from typing import Any

import pytest

from tenants.models import Limit, Project, Role
from tests.factories import LimitFactory
from tests.gateway.control.calling import Caller, caller

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def limit(platform: Caller, project: Project) -> Limit:
    """A limit of 600 that somebody has raised to 900 since."""
    limit: Limit = LimitFactory.create(project=project, amount=600)
    platform.patch(f"limits/{limit.pk}/", {"amount": 900})
    return limit


def listed(who: Caller, **more: Any) -> list[dict[str, Any]]:
    query = "&".join(f"{name}={value}" for name, value in more.items())
    found: list[dict[str, Any]] = who.get(f"versions/?{query}").json()["results"]
    return found


def test_versions_say_who_changed_what(platform: Caller, limit: Limit) -> None:
    newest, before, *_ = listed(platform)

    (change,) = newest["changes"]
    assert newest["number"] > before["number"]
    assert newest["actors"] == [change["actor"]]
    assert change["changes"] == [{"field": "amount", "before": "600", "after": "900"}]


def test_pages_of_versions_go_on_where_the_one_before_ended(
    platform: Caller, limit: Limit
) -> None:
    whole = [row["number"] for row in listed(platform)]
    seen, path = [], "versions/?page_size=1"
    while path:
        page = platform.get(path).json()
        seen += [row["number"] for row in page["results"]]
        path = (page["next"] or "").partition("/control/v1/")[2]

    assert seen == whole
    assert len(whole) >= 2


def test_two_versions_are_compared_in_either_order(
    platform: Caller, limit: Limit
) -> None:
    newest, before, *_ = (row["number"] for row in listed(platform))

    now = platform.get(f"versions/compare/?from={before}").json()
    one = platform.get(f"versions/compare/?from={before}&to={newest}").json()
    other = platform.get(f"versions/compare/?from={newest}&to={before}").json()

    assert one == other
    assert now["changes"] == one["changes"]
    assert (now["before"], now["after"]) == (before, None)
    (change,) = now["changes"]
    assert (change["model"], change["action"]) == ("tenants.limit", "change")
    assert change["object_id"] == str(limit.pk)


def test_o5_going_back_does_what_the_preview_told(
    platform: Caller, limit: Limit
) -> None:
    _, before, *_ = (row["number"] for row in listed(platform))

    told = platform.get(f"versions/{before}/preview/").json()
    limit.refresh_from_db()
    untouched = limit.amount
    done = platform.post(f"versions/{before}/rollback/", {"shown": told["shown"]})

    limit.refresh_from_db()
    assert (untouched, limit.amount) == (900, 600)
    assert done.status_code == 200
    assert done.json() == told
    assert told["changes"][0]["changes"] == [
        {"field": "amount", "before": "900", "after": "600"}
    ]


def test_o4_going_back_is_refused_when_something_changed_since_the_preview(
    platform: Caller, limit: Limit
) -> None:
    _, before, *_ = (row["number"] for row in listed(platform))
    told = platform.get(f"versions/{before}/preview/").json()
    platform.patch(f"limits/{limit.pk}/", {"amount": 1_000})

    refused = platform.post(f"versions/{before}/rollback/", {"shown": told["shown"]})

    limit.refresh_from_db()
    assert refused.status_code == 409
    assert "look at the preview again" in refused.json()["error"]["message"]
    assert limit.amount == 1_000


def test_versions_are_for_the_whole_installation(
    operator: Caller, limit: Limit
) -> None:
    analyst = caller(Role.ANALYST)
    newest = Limit.objects.count()

    for who in (operator, analyst):
        for method, path in (
            ("GET", "versions/"),
            ("GET", f"versions/compare/?from={newest}"),
            ("GET", f"versions/{newest}/preview/"),
            ("POST", f"versions/{newest}/rollback/"),
        ):
            assert who(method, path).status_code == 403, path


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("versions/999999999999/preview/", 404),
        ("versions/compare/?from=999999999999", 404),
        ("versions/compare/", 400),
        ("versions/compare/?from=x", 400),
        ("versions/?cursor=x", 400),
        ("versions/?page_size=0", 400),
    ],
)
def test_what_is_no_version_is_said_to_be_none(
    platform: Caller, path: str, status: int
) -> None:
    assert platform.get(path).status_code == status
