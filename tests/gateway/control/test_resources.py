"""Every resource: made, read, replaced, changed and deleted, and nothing else taken."""

from copy import deepcopy
from typing import Any

import pytest
from django.contrib.auth import get_user_model

from catalog.models import AliasTarget, Price
from gateway.control.urls import RESOURCES, SINGLE
from tenants.models import ApiKey, Project
from tests.factories import AliasFactory, ApiKeyFactory, ProjectFactory
from tests.gateway.control.calling import Caller
from tests.gateway.control.catalog_rows import CONFIGURED, Examples, create

pytestmark = pytest.mark.django_db

# What is never replaced as a whole.
NOT_REPLACED = {"prices"}


@pytest.fixture
def platform(examples: Examples, db: None) -> Caller:
    return examples.platform


@pytest.fixture
def rows(examples: Examples, db: None) -> dict[str, Any]:
    return deepcopy(examples.rows)


def test_there_is_every_resource_that_scripts_use() -> None:
    promised = (
        "organizations projects keys providers endpoints models prices aliases "
        "credentials limits budgets approvals usage audit"
    )

    assert set(promised.split()) <= {*RESOURCES, *SINGLE}


def test_the_examples_can_be_sent_and_are_what_is_answered(
    rows: dict[str, Any],
) -> None:
    for resource in CONFIGURED:
        example = RESOURCES[resource].example_row  # type: ignore[attr-defined]
        assert rows[resource].keys() - {"key"} == example.keys(), resource


def test_what_was_read_can_be_sent_back_and_changes_nothing(
    platform: Caller, rows: dict[str, Any]
) -> None:
    for resource in set(CONFIGURED) - NOT_REPLACED:
        path = f"{resource}/{rows[resource]['id']}/"
        read = platform.get(path)

        answer = platform.put(path, read.json(), if_match=read["etag"])

        assert answer.status_code == 200, (resource, answer.content)
        assert answer.json() == read.json()
        assert answer["etag"] == read["etag"]


def test_unknown_fields_are_refused_with_the_nearest_known(
    platform: Caller, rows: dict[str, Any]
) -> None:
    for resource in set(CONFIGURED) - NOT_REPLACED:
        answer = platform.patch(
            f"{resource}/{rows[resource]['id']}/", {"activ": True, "is_superuser": True}
        )

        error = answer.json()["error"]
        assert answer.status_code == 400
        assert error["code"] == "invalid_request"
        assert set(error["fields"]) == {"activ", "is_superuser"}

    answer = platform.post("projects/", {"slug": "x", "nmae": "X"})
    assert answer.json()["error"]["fields"] == {
        "nmae": ["Unknown field; did you mean name?"],
        "organization": ["This field is required."],
        "name": ["This field is required."],
    }


@pytest.mark.parametrize(
    ("resource", "field", "value"),
    [
        ("keys", "digest", "00"),
        ("keys", "key_id", "x"),
        ("keys", "revoked_at", None),
        ("keys", "status", "active"),
        ("keys", "project", "acorn"),
        ("limits", "project", "acorn"),
        ("budgets", "project", "acorn"),
        ("projects", "organization", "nice-2"),
        ("projects", "cache_purges", {}),
        ("projects", "created_at", "2020-01-01T00:00:00Z"),
        ("credentials", "sealed", "00"),
        ("credentials", "last_four", "0000"),
        ("credentials", "quarantined_at", "2020-01-01T00:00:00Z"),
        ("memberships", "user", "owner"),
        ("end-users", "id", 7_000),
    ],
)
def test_owner_state_and_secrets_cannot_be_assigned(
    platform: Caller, rows: dict[str, Any], resource: str, field: str, value: object
) -> None:
    ProjectFactory.create(slug="acorn")
    create(platform, "organizations", slug="nice-2")
    get_user_model().objects.create_user("owner")
    ApiKey.objects.filter(pk=rows["keys"]["id"]).update(revoked_at="2026-01-01T00:00Z")
    path = f"{resource}/{rows[resource]['id']}/"
    before = platform.get(path).json()

    answer = platform.patch(path, {field: value})

    assert answer.status_code == 400, answer.content
    assert list(answer.json()["error"]["fields"]) == [field]
    assert platform.get(path).json() == before


def test_put_gives_back_what_a_new_row_has(
    platform: Caller, rows: dict[str, Any]
) -> None:
    provider = rows["providers"]
    path = f"providers/{provider['id']}/"

    answer = platform.put(
        path,
        {
            "slug": "acme",
            "name": "Acme",
            "base_url": "https://api.acme.example",
            "handler": "openai_chat",
        },
    )

    assert answer.status_code == 200
    assert answer.json() == {
        **provider,
        "name": "Acme",
        "region": "",
        "drop_params": [],
    }


def test_what_the_models_refuse_is_refused_with_their_words(
    platform: Caller, rows: dict[str, Any]
) -> None:
    limit = platform.post(
        "limits/",
        {"project": "nicestory", "metric": "concurrency", "amount": 5, "per": "minute"},
    )
    zone = platform.patch(
        f"projects/{rows['projects']['id']}/", {"time_zone": "Mars/Phobos"}
    )
    alias = platform.patch(
        f"projects/{rows['projects']['id']}/", {"default_alias": "none-such"}
    )
    twice = platform.post("limits/", RESOURCES["limits"].example_body)  # type: ignore[attr-defined]

    assert "Requests and tokens need a period" in limit.json()["error"]["message"]
    assert "time_zone" in zone.json()["error"]["fields"]
    assert "There is no active alias 'none-such'" in alias.json()["error"]["message"]
    assert twice.json()["error"]["message"] == (
        "There is such a limit already; change that one."
    )
    assert {a.status_code for a in (limit, zone, alias, twice)} == {400}


def test_what_is_used_is_not_deleted_and_the_answer_says_by_whom(
    platform: Caller, rows: dict[str, Any]
) -> None:
    model = platform.delete(f"models/{rows['models']['id']}/")
    alias = platform.delete(f"aliases/{rows['aliases']['id']}/")
    organization = platform.delete(f"organizations/{rows['organizations']['id']}/")

    assert {a.status_code for a in (model, alias, organization)} == {409}
    assert model.json()["error"]["code"] == "in_use"
    assert "target acme/acme-large-2" in model.json()["error"]["fields"]["used_by"]
    assert alias.json()["error"]["fields"]["used_by"] == ["project nicestory"]
    assert organization.json()["error"]["fields"]["used_by"] == ["project nicestory"]


def test_what_nobody_needs_is_deleted(platform: Caller, rows: dict[str, Any]) -> None:
    for resource in ("limits", "budgets", "end-users", "credentials", "memberships"):
        path = f"{resource}/{rows[resource]['id']}/"

        assert platform.delete(path).status_code == 204
        assert platform.get(path).status_code == 404


def test_prices_are_added_and_taken_back_but_never_edited(
    platform: Caller, rows: dict[str, Any]
) -> None:
    path = f"prices/{rows['prices']['id']}/"
    planned = create(
        platform, "prices", valid_from="2999-01-01T00:00:00Z", per_million="3.00"
    )

    assert platform.patch(path, {"per_million": "1.00"}).status_code == 405
    assert platform.put(path, {}).status_code == 405
    assert platform.delete(path).status_code == 409
    assert platform.delete(f"prices/{planned['id']}/").status_code == 204
    assert Price.objects.count() == 1


def test_the_targets_of_an_alias_are_written_with_it(
    platform: Caller, rows: dict[str, Any]
) -> None:
    alias = rows["aliases"]
    path = f"aliases/{alias['id']}/"
    kept = AliasTarget.objects.get(alias=alias["id"], priority=1)

    answer = platform.patch(
        path,
        {
            "targets": [
                {"model": kept.model_id, "weight": 7},
                {"via": "smart", "priority": 2},
            ]
        },
    )

    assert answer.status_code == 200, answer.content
    assert [t["weight"] for t in answer.json()["targets"]] == [7, 100]
    assert AliasTarget.objects.get(pk=kept.pk).weight == 7


def test_wrong_targets_are_refused_each_at_its_place(
    platform: Caller, rows: dict[str, Any]
) -> None:
    alias = rows["aliases"]
    path = f"aliases/{alias['id']}/"
    before = platform.get(path).json()

    loop = platform.patch(
        path, {"targets": [*before["targets"], {"via": alias["id"], "priority": 3}]}
    )
    unknown = platform.patch(path, {"targets": [{"model": "acme/none", "wieght": 1}]})
    none = platform.patch(path, {"targets": []})

    assert {a.status_code for a in (loop, unknown, none)} == {400}
    assert list(loop.json()["error"]["fields"]) == ["targets.2.via"]
    assert unknown.json()["error"]["fields"] == {
        "targets.0.wieght": ["Unknown field; did you mean weight?"],
        "targets.0.model": ["There is no such model."],
    }
    assert "would stand for nothing" in none.json()["error"]["message"]
    assert platform.get(path).json() == before


def test_an_alias_that_a_project_needs_stays_active(
    platform: Caller, rows: dict[str, Any]
) -> None:
    answer = platform.patch(f"aliases/{rows['aliases']['id']}/", {"active": False})

    assert answer.status_code == 400
    assert "nicestory" in answer.json()["error"]["message"]


def test_a_provider_that_aliases_need_stays_active(
    platform: Caller, rows: dict[str, Any]
) -> None:
    lonely = AliasFactory.create(name="lonely")
    AliasTarget.objects.create(alias=lonely, model_id=rows["models"]["id"])

    for path in (
        f"providers/{rows['providers']['id']}/",
        f"models/{rows['models']['id']}/",
    ):
        answer = platform.patch(path, {"active": False})

        assert answer.status_code == 400
        assert "lonely" in answer.json()["error"]["message"]


def test_overlapping_endpoints_are_refused(
    platform: Caller, rows: dict[str, Any]
) -> None:
    answer = platform.post(
        "endpoints/",
        {"provider": "acme", "operation": "chat", "pattern": "/v1/chat/{model}"},
    )

    assert answer.status_code == 400
    assert "match the same paths" in answer.json()["error"]["message"]


def test_limits_and_budgets_name_keys_of_their_own_project_alone(
    platform: Caller, rows: dict[str, Any]
) -> None:
    other = ApiKeyFactory.create(project=ProjectFactory.create())

    for resource in ("limits", "budgets"):
        path = f"{resource}/{rows[resource]['id']}/"
        answer = platform.patch(path, {"api_key": other.pk})

        assert answer.status_code == 400
        assert "belongs to another project" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('{"name": "a", "name": "b"}', "stands twice"),
        ('{"name": NaN}', "not valid JSON"),
        ("[]", "must be a JSON object"),
        ('{"name": "a\\u0000b"}', "NUL"),
        ('{"name": "' + "x" * 1_048_576 + '"}', "may hold"),
        ("{", "not valid JSON"),
    ],
)
def test_bodies_that_cannot_be_meant_are_refused(
    platform: Caller, project: Project, body: str, message: str
) -> None:
    answer = platform.patch(f"projects/{project.pk}/", body)

    assert answer.status_code in {400, 413}
    assert message in answer.json()["error"]["message"]


def test_numbers_beyond_all_bounds_are_refused(
    platform: Caller, rows: dict[str, Any]
) -> None:
    huge = platform.patch(f"limits/{rows['limits']['id']}/", {"amount": 10**30})
    endless = platform.patch(
        f"providers/{rows['providers']['id']}/", {"idle_timeout_s": "Infinity"}
    )

    assert huge.status_code == endless.status_code == 400


def test_a_path_that_there_is_not_is_told_in_the_same_shape(platform: Caller) -> None:
    for path in ("nothing/", "projects/abc/", "projects/7/nothing", ""):
        answer = platform.get(path)

        assert answer.status_code == 404
        assert answer.json()["error"]["code"] == "not_found"
    assert platform("OPTIONS", "projects/").status_code == 405
    assert platform.get("projects/99999999999999999999999999/").status_code == 404


def test_a_final_slash_may_be_left_out(platform: Caller, project: Project) -> None:
    assert platform.get("projects").json() == platform.get("projects/").json()
    assert platform.patch(f"projects/{project.pk}", {"name": "New"}).status_code == 200
