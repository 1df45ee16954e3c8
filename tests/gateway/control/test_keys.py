"""Keys over HTTP: shown once, rotated with grace, stopped one by one or all at once."""

from datetime import timedelta

import pytest
from django.utils import timezone

from tenants.keys import digest_of
from tenants.models import ApiKey, Organization, Project, Role
from tests.factories import ApiKeyFactory, LimitFactory, ProjectFactory
from tests.gateway.control.calling import Caller, caller

pytestmark = pytest.mark.django_db


def test_a_key_is_answered_once_and_only_its_digest_is_kept(
    operator: Caller, project: Project
) -> None:
    answer = operator.post("keys/", {"project": "acorn", "name": "backend"})
    text, path = answer.json()["key"], f"keys/{answer.json()['id']}/"

    key = ApiKey.objects.get()
    assert bytes(key.digest) == digest_of(text)
    assert answer.json()["prefix"] == key.prefix
    others = [operator.get(path), operator.get("keys/"), operator.patch(path, {})]
    assert all(text not in each.content.decode() for each in others)
    assert all("digest" not in each.content.decode() for each in others)


def test_what_a_key_may_do_is_checked(operator: Caller, project: Project) -> None:
    for wrong in (
        {"scopes": ["everything"]},
        {"allowed_networks": ["10.0.0.0/99"]},
        {"allowed_networks": "10.0.0.0/8"},
        {"expires_at": "2020-01-01T00:00:00Z"},
    ):
        answer = operator.post("keys/", {"project": "acorn", "name": "k", **wrong})

        assert answer.status_code == 400, wrong
        assert next(iter(wrong)) in answer.json()["error"]["message"]


def test_a_rotated_key_has_a_successor_that_may_do_the_same(
    operator: Caller, project: Project
) -> None:
    made = operator.post(
        "keys/",
        {"project": "acorn", "name": "k", "scopes": ["chat"], "aliases": ["fast"]},
    ).json()
    old = ApiKey.objects.get()
    LimitFactory.create(project=project, api_key=old)

    answer = operator.post(f"keys/{made['id']}/rotate/", {"grace_hours": 2})

    new = answer.json()
    old.refresh_from_db()
    assert answer.status_code == 201
    assert new["key"] != made["key"]
    assert (new["scopes"], new["aliases"]) == (["chat"], ["fast"])
    assert old.rotated_to_id == new["id"]
    assert old.expires_at is not None
    left = old.expires_at - timezone.now()
    assert timedelta(hours=1) < left <= timedelta(hours=2)
    assert operator.post(f"keys/{made['id']}/rotate/", {}).status_code == 409


def test_a_grace_of_none_or_of_years_is_what_it_says(
    operator: Caller, project: Project
) -> None:
    key = ApiKeyFactory.create(project=project, name="k")

    for wrong in ({"grace_hours": -1}, {"grace_hours": 99_999}, {"grace": 1}):
        assert operator.post(f"keys/{key.pk}/rotate/", wrong).status_code == 400
    assert (
        operator.post(f"keys/{key.pk}/rotate/", {"grace_hours": 0}).status_code == 201
    )
    assert ApiKey.objects.get(pk=key.pk).status == "expired"


def test_a_revoked_key_stays_revoked_and_only_then_can_go(
    operator: Caller, project: Project
) -> None:
    key = ApiKeyFactory.create(project=project, name="k")
    path = f"keys/{key.pk}"

    assert operator.delete(f"{path}/").status_code == 409
    first = operator.post(f"{path}/revoke")
    second = operator.post(f"{path}/revoke/")

    assert first.json()["status"] == "revoked"
    assert second.json()["revoked_at"] == first.json()["revoked_at"]
    assert operator.post(f"{path}/rotate/", {}).status_code == 409
    assert operator.delete(f"{path}/").status_code == 204


def test_an_owner_stops_many_keys_at_once(
    organization: Organization, project: Project, foreign: Project
) -> None:
    owner = caller(Role.OWNER, organization)
    keys = [ApiKeyFactory.create(project=project, name=f"k{n}") for n in range(3)]
    second = ProjectFactory.create(organization=organization)
    other = ApiKeyFactory.create(project=second, name="other")
    theirs = ApiKeyFactory.create(project=foreign, name="theirs")

    some = owner.post("keys/revoke/", {"keys": [keys[0].pk, keys[1].prefix]})
    everything = owner.post("keys/revoke/", {"project": "acorn"})

    assert some.json() == {"revoked": 2}
    assert everything.json() == {"revoked": 1}
    assert set(ApiKey.objects.filter(revoked_at=None)) == {other, theirs}
    assert owner.post("keys/revoke/", {"keys": [theirs.pk]}).status_code == 400
    assert owner.post("keys/revoke/", {"project": "birch"}).status_code == 400
    assert owner.post("keys/revoke/", {}).status_code == 400


def test_an_operator_does_not(operator: Caller, project: Project) -> None:
    assert operator.post("keys/revoke/", {"project": "acorn"}).status_code == 403
