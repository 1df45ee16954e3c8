"""A project manages its own end users with its key."""

import json
from collections.abc import Callable
from datetime import timedelta
from ipaddress import ip_network
from typing import Any

import pytest
from django.test import Client, override_settings
from django.utils import timezone

from catalog.models import Credential
from tenants.audit_trail import entries_of, page_of
from tenants.keys import digest_of
from tenants.models import ApiKey, Budget, EndUser, Limit, Project
from tests.factories import CredentialFactory, ProviderFactory

pytestmark = pytest.mark.django_db

URL = "/api/end-users"
Call = Callable[..., Any]


@pytest.fixture
def call(project: Project) -> Call:
    """Send a request with a key of the project."""
    _, text = ApiKey.issue(project, "test")
    return calling(text)


def calling(text: str) -> Call:
    client = Client()

    def send(method: str, path: str = "", body: Any = None, **headers: str) -> Any:
        return client.generic(
            method,
            URL + path,
            data="" if body is None else json.dumps(body),
            content_type="application/json",
            headers={"authorization": f"Bearer {text}", **headers},
        )

    return send


def make_user(project: Project, user_id: str = "ada", **fields: Any) -> EndUser:
    return EndUser.objects.create(project=project, external_id=user_id, **fields)


def test_an_end_user_is_made_shown_changed_and_deleted(
    call: Call, project: Project
) -> None:
    made = call("POST", body={"external_id": "ada", "default_model": "smart"})
    changed = call("PATCH", "/ada", {"active": False, "name": "Ada"})
    shown = call("GET", "/ada").json()

    assert made.status_code == 201
    assert made.json()["external_id"] == "ada"
    assert changed.status_code == 200
    assert (shown["active"], shown["name"], shown["default_model"]) == (
        False,
        "Ada",
        "smart",
    )
    assert shown["credentials"] == []
    assert call("DELETE", "/ada").status_code == 204
    assert call("GET", "/ada").status_code == 404
    assert not EndUser.objects.filter(project=project).exists()


def test_answers_are_not_cached_and_name_their_refusals(call: Call) -> None:
    answer = call("GET", "/nobody")

    assert answer["cache-control"] == "private, no-store"
    told = answer.json()
    assert told["success"] is False
    assert told["requestId"] == answer["x-request-id"]
    assert told["error"]["code"] == "not_found"
    assert "POST /api/end-users" in told["error"]["message"]


def test_lists_are_paged_and_hold_the_project_s_own_users_alone(
    call: Call, project: Project, other_project: Project
) -> None:
    for name in ("ada", "bob", "cleo"):
        make_user(project, name)
    make_user(other_project, "zoe")

    first = call("GET", "?ordering=external_id&page_size=2").json()
    rest = call("GET", first["next"].partition(URL)[2]).json()

    assert [each["external_id"] for each in first["results"]] == ["ada", "bob"]
    assert [each["external_id"] for each in rest["results"]] == ["cleo"]
    assert rest["next"] is None


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "", None),
        ("PATCH", "", {"name": "x"}),
        ("DELETE", "", None),
        ("GET", "/limits", None),
        ("PUT", "/limits", {"results": []}),
        ("PUT", "/budgets", {"results": []}),
        ("PUT", "/credential", {"provider": "acme", "value": "secret"}),
        ("DELETE", "/credential", None),
    ],
)
def test_another_project_s_user_is_not_there(
    call: Call, other_project: Project, method: str, path: str, body: Any
) -> None:
    ProviderFactory.create(slug="acme")
    user = make_user(other_project, "zoe", name="Zoe")

    assert call(method, f"/zoe{path}", body).status_code == 404

    user.refresh_from_db()
    assert user.name == "Zoe"
    assert not Credential.objects.exists()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "external_id"),
        ({"external_id": "with a space"}, "external_id"),
        ({"external_id": "ada", "colour": "red"}, "colour"),
        (
            {"external_id": "ada", "preferred_provider": "no slug!"},
            "preferred_provider",
        ),
    ],
)
def test_what_is_not_valid_is_named(
    call: Call, body: dict[str, Any], field: str
) -> None:
    answer = call("POST", body=body)

    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["code"] == "invalid_request"
    assert field in error["fields"]
    assert not EndUser.objects.exists()


def test_a_user_keeps_its_id_and_is_there_once(call: Call, project: Project) -> None:
    make_user(project)

    assert call("POST", body={"external_id": "ada"}).status_code in {400, 409}
    assert call("PATCH", "/ada", {"external_id": "bob"}).status_code == 400
    assert call("PATCH", "/ada", {"external_id": "ada"}).status_code == 200


def test_an_id_may_hold_a_slash(call: Call, project: Project) -> None:
    make_user(project, "team/ada")

    assert call("GET", "/team/ada").json()["external_id"] == "team/ada"
    assert call("GET", "/team%2Fada/limits").json() == {"results": []}


def test_limits_are_replaced_as_a_whole_and_keep_their_rows(
    call: Call, project: Project
) -> None:
    user = make_user(project)
    kept = Limit.objects.create(
        project=project, end_user=user, metric="requests", amount=5, per="minute"
    )
    Limit.objects.create(project=project, end_user=user, metric="concurrency", amount=1)
    everyone = Limit.objects.create(
        project=project, metric="requests", amount=9, per="minute"
    )

    answer = call(
        "PUT",
        "/ada/limits",
        {
            "results": [
                {"metric": "requests", "amount": 7, "per": "minute"},
                {"metric": "tokens", "amount": 100, "per": "day", "alias": "fast"},
            ]
        },
    )

    assert answer.status_code == 200, answer.content
    assert [each["amount"] for each in answer.json()["results"]] == [7, 100]
    kept.refresh_from_db()
    assert kept.amount == 7
    assert Limit.objects.filter(end_user=user).count() == 2
    assert Limit.objects.filter(pk=everyone.pk).exists()


@pytest.mark.parametrize(
    "row",
    [
        {"metric": "requests", "amount": 0, "per": "minute"},
        {"metric": "concurrency", "amount": 3, "per": "minute"},
        {"metric": "requests", "amount": 3},
        {"metric": "requests", "amount": 3, "per": "minute", "project": 1},
    ],
)
def test_a_limit_that_cannot_be_changes_nothing(
    call: Call, project: Project, row: dict[str, Any]
) -> None:
    user = make_user(project)
    Limit.objects.create(
        project=project, end_user=user, metric="tokens", amount=5, per="minute"
    )

    assert call("PUT", "/ada/limits", {"results": [row]}).status_code == 400

    assert [limit.metric for limit in Limit.objects.all()] == ["tokens"]


def test_budgets_are_replaced_as_a_whole(call: Call, project: Project) -> None:
    user = make_user(project)

    answer = call(
        "PUT", "/ada/budgets", {"results": [{"amount_usd": "5.00", "per": "month"}]}
    )

    assert answer.status_code == 200, answer.content
    budget = Budget.objects.get()
    assert (budget.end_user, budget.project, budget.mode) == (user, project, "hard")
    assert call("GET", "/ada/budgets").json() == {
        "results": [
            {
                "amount_usd": "5.0000",
                "per": "month",
                "mode": "hard",
                "warn_at": [50, 80, 95],
                "alias": "",
                "active": True,
            }
        ]
    }
    assert call("PUT", "/ada/budgets", {"results": []}).status_code == 200
    assert not Budget.objects.exists()


def test_a_credential_is_written_and_never_shown(call: Call, project: Project) -> None:
    ProviderFactory.create(slug="azure", auth="header:api-key")
    user = make_user(project)
    body = {
        "provider": "azure",
        "value": "azure-secret-of-ada-0123456789",
        "base_url": "https://ada.openai.azure.com",
        "deployments": {"gpt-4o": "adas-gpt"},
    }

    put = call("PUT", "/ada/credential", body)

    assert put.status_code == 200, put.content
    assert "azure-secret" not in put.content.decode()
    row = Credential.objects.get()
    assert (row.end_user, row.project, row.active) == (user, project, True)
    assert row.deployments == {"gpt-4o": "adas-gpt"}
    secret = row.reveal()
    assert secret is not None
    assert secret.reveal() == body["value"]
    shown = call("GET", "/ada")
    assert shown.json()["credentials"][0]["last_four"] == "6789"
    assert "azure-secret" not in shown.content.decode()


def test_a_credential_is_put_anew_in_the_same_place_and_deleted(
    call: Call, project: Project
) -> None:
    ProviderFactory.create(slug="acme")
    ProviderFactory.create(slug="other")
    make_user(project)
    of_project = CredentialFactory.create(project=project)
    for provider in ("acme", "other", "acme"):
        call("PUT", "/ada/credential", {"provider": provider, "value": "k" * 20})

    assert Credential.objects.exclude(end_user=None).count() == 2
    assert call("DELETE", "/ada/credential?provider=other").status_code == 204
    assert Credential.objects.get(end_user__isnull=False).provider.slug == "acme"
    assert call("DELETE", "/ada/credential").status_code == 204
    assert list(Credential.objects.all()) == [of_project]


@pytest.mark.parametrize(
    "base_url",
    [
        "http://ada.example",
        "https://127.0.0.1",
        "https://10.0.0.8:8443",
        "https://169.254.169.254",
        "https://[::1]",
        "https://[::ffff:127.0.0.1]",
        "https://localhost",
        "https://user:pass@ada.example",
        "https://ada.example?x=1",
        "ftp://ada.example",
        "nonsense",
    ],
)
def test_a_credential_is_not_presented_where_calls_may_not_go(
    call: Call, project: Project, base_url: str
) -> None:
    ProviderFactory.create(slug="acme", allow_private_addresses=True)
    make_user(project)

    answer = call(
        "PUT",
        "/ada/credential",
        {"provider": "acme", "value": "k" * 20, "base_url": base_url},
    )

    assert answer.status_code == 400
    assert "base_url" in answer.json()["error"]["fields"]
    assert not Credential.objects.exists()


def test_another_project_s_provider_is_not_there(
    call: Call, project: Project, other_project: Project
) -> None:
    ProviderFactory.create(slug="private", project=other_project)
    make_user(project)

    answer = call("PUT", "/ada/credential", {"provider": "private", "value": "k" * 20})

    assert answer.status_code == 400
    assert "provider" in answer.json()["error"]["fields"]


def test_a_key_with_scopes_needs_the_one_for_end_users(project: Project) -> None:
    _, narrow = ApiKey.issue(project, "chat", scopes=["chat"])
    _, wide = ApiKey.issue(project, "users", scopes=["end_users"])

    refused = calling(narrow)("GET")

    assert refused.status_code == 403
    assert refused.json()["error"]["code"] == "permission_denied"
    assert calling(wide)("GET").status_code == 200


def test_who_has_no_valid_key_gets_nothing(project: Project) -> None:
    revoked, text = ApiKey.issue(project, "revoked")
    revoked.revoke()
    _, expired = ApiKey.issue(
        project, "e", expires_at=timezone.now() + timedelta(days=1)
    )
    ApiKey.objects.filter(name="e").update(
        created_at=timezone.now() - timedelta(days=2),
        expires_at=timezone.now() - timedelta(days=1),
    )
    wrong = text[:-7] + ("0" if text[-7] != "0" else "1") + text[-6:]

    for sent in (text, expired, wrong, "nonsense", "x" * 300, ""):
        answer = calling(sent)("GET")
        assert answer.status_code == 401, sent
        assert answer.json()["error"]["code"] == "invalid_api_key"


def test_a_key_is_bound_to_its_project_and_its_networks(
    project: Project, other_project: Project
) -> None:
    _, text = ApiKey.issue(project, "near", allowed_networks=["10.0.0.0/8"])
    _, free = ApiKey.issue(project, "free")

    assert calling(text)("GET").status_code == 403
    forged = calling(text)("GET", **{"x-forwarded-for": "10.1.2.3"})
    assert forged.status_code == 403
    with override_settings(TRUSTED_PROXIES=(ip_network("127.0.0.0/8"),)):
        told = calling(text)("GET", **{"x-forwarded-for": "10.1.2.3"})
    assert told.status_code == 200
    foreign = calling(free)("GET", **{"x-project-id": other_project.slug})
    assert foreign.status_code == 403


def test_a_change_stands_in_the_audit_under_its_key(project: Project) -> None:
    key, text = ApiKey.issue(project, "test")

    calling(text)("POST", body={"external_id": "ada"})

    entries, _ = page_of(entries_of(EndUser.objects.get()), "")
    assert entries[0].actor == key.prefix


def test_an_imported_key_works_here_too(project: Project) -> None:
    text = "legacy-key-of-some-other-gateway"
    ApiKey.known_by_digest(project, "old", digest_of(text)).save()

    assert calling(text)("GET").status_code == 200
