from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.utils import timezone

from tenants.models import (
    ApiKey,
    Membership,
    OperatorToken,
    Organization,
    Project,
    Role,
)
from tests.gateway.control.calling import ROOT, Caller, caller

pytestmark = pytest.mark.django_db


def refusal(answer: object) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]  # type: ignore[attr-defined]


def test_without_a_token_nothing_is_answered(browser: Client) -> None:
    answer = browser.get(f"{ROOT}/projects/")

    assert refusal(answer) == (401, "invalid_token")
    assert answer["www-authenticate"] == "Bearer"


def test_nothing_is_kept_by_caches(platform: Caller, browser: Client) -> None:
    for answer in (platform.get("projects/"), browser.get(f"{ROOT}/projects/")):
        assert set(answer["cache-control"].split(", ")) == {"private", "no-store"}


@pytest.mark.parametrize(
    "header",
    [
        "Bearer",
        "Bearer x",
        "Bearer sbo_x",
        "Basic abc",
        "sbo_abc",
        "Bearer " + "x" * 9_000,
    ],
)
def test_what_is_no_token_is_refused(browser: Client, db: None, header: str) -> None:
    answer = browser.get(f"{ROOT}/projects/", headers={"authorization": header})

    assert refusal(answer) == (401, "invalid_token")


def test_a_token_with_another_secret_is_refused(platform: Caller, db: None) -> None:
    _, other = OperatorToken.issue(get_user_model().objects.create_user("eve"), "eve")
    mixed = platform.token[:19] + other[19:]

    assert Caller(mixed).get("projects/").status_code == 401
    last = "1" if platform.token.endswith("0") else "0"
    assert Caller(platform.token[:-1] + last).get("projects/").status_code == 401


def test_revoked_expired_and_inactive_end_a_token(platform: Caller) -> None:
    token = OperatorToken.objects.get()
    user = token.user

    token.revoke()
    assert platform.get("me/").status_code == 401
    OperatorToken.objects.update(revoked_at=None)
    assert platform.get("me/").status_code == 200
    get_user_model().objects.filter(pk=user.pk).update(is_active=False)
    assert platform.get("me/").status_code == 401
    get_user_model().objects.filter(pk=user.pk).update(is_active=True)
    past = timezone.now() - timedelta(days=1)
    OperatorToken.objects.update(created_at=past - timedelta(days=1), expires_at=past)
    assert platform.get("me/").status_code == 401


def test_project_keys_never_reach_it(browser: Client, project: Project) -> None:
    _, text = ApiKey.issue(project, "test")

    bearer = browser.get(
        f"{ROOT}/projects/", headers={"authorization": f"Bearer {text}"}
    )
    others = [
        browser.get(f"{ROOT}/projects/", headers={name: text})
        for name in ("x-api-key", "api-key", "x-goog-api-key")
    ]
    query = browser.get(f"{ROOT}/projects/?key={text}")

    assert "project key" in bearer.json()["error"]["message"]
    assert {a.status_code for a in (bearer, *others, query)} == {401}


def test_a_session_of_the_admin_reads_and_with_its_csrf_token_writes(
    project: Project,
) -> None:
    user = get_user_model().objects.create_user("ada", is_staff=True)
    Membership.objects.create(user=user, role=Role.OPERATOR)
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(user)
    path, body = f"{ROOT}/projects/{project.pk}/", {"name": "New"}

    def change(**headers: str) -> int:
        return browser.patch(
            path, body, content_type="application/json", headers=headers
        ).status_code

    browser.cookies["csrftoken"] = "x" * 32
    assert browser.get(path).status_code == 200
    assert change() == 403
    assert change(x_csrftoken="x" * 32) == 200


def test_a_session_of_somebody_who_is_not_of_the_admin_is_no_session(
    browser: Client,
) -> None:
    browser.force_login(get_user_model().objects.create_user("guest"))

    assert browser.get(f"{ROOT}/me/").status_code == 401


def test_a_wrong_token_is_not_made_good_by_a_session(browser: Client) -> None:
    browser.force_login(get_user_model().objects.create_superuser("root"))

    answer = browser.get(f"{ROOT}/me/", headers={"authorization": "Bearer sbo_wrong"})

    assert answer.status_code == 401


def test_me_tells_the_roles(organization: Organization) -> None:
    ada = caller(Role.OPERATOR, organization, name="ada")

    answer = ada.get("me/").json()

    assert answer == {
        "user": "ada",
        "operator_token": ada.token[:18],
        "everywhere": None,
        "organizations": [
            {"organization": organization.pk, "slug": "nice", "role": "operator"}
        ],
    }


def test_a_person_without_a_role_may_nothing(db: None) -> None:
    nobody = caller(None)

    assert refusal(nobody.get("projects/")) == (403, "permission_denied")
    assert refusal(nobody.get("me/")) == (403, "permission_denied")
