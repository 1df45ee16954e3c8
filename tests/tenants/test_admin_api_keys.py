import logging
import re
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.utils import timezone

from tenants.keys import digest_of, key_id_of
from tenants.models import ApiKey, Role
from tests.admin_pages import form_of, save, saved, text_of
from tests.gateway.rows import make_key, make_project
from tests.people import person

pytestmark = pytest.mark.django_db

LIST = "/admin/tenants/apikey/"
ADD = f"{LIST}add/"
_KEY = re.compile(r"sb_[0-9A-Za-z]{14}_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}")


def keys_on(response: object) -> list[str]:
    return _KEY.findall(response.content.decode())  # type: ignore[attr-defined]


def issue(client: Client, **fields: object) -> str:
    response = save(
        client, ADD, {"project": make_project().pk, "name": "laptop", **fields}
    )
    (text,) = keys_on(response)
    return text


def test_a_key_is_shown_in_the_answer_that_makes_it(admin_client: Client) -> None:
    text = issue(admin_client, scopes=["chat"])

    key = ApiKey.objects.get()
    assert key_id_of(text) == key.key_id
    assert bytes(key.digest) == digest_of(text)
    assert key.scopes == ["chat"]


def test_a_key_is_never_shown_again(
    admin_client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    text = issue(admin_client)
    key = ApiKey.objects.get()
    secret = text.split("_")[2]

    pages = [LIST, f"{LIST}{key.pk}/change/", f"{LIST}{key.pk}/history/"]
    pages += ["/admin/", "/admin/pghistory/events/"]

    assert all(secret not in admin_client.get(u).content.decode() for u in pages)
    assert all(secret not in str(s.get_decoded()) for s in Session.objects.all())
    assert secret not in str(admin_client.cookies)
    assert secret not in str(list(LogEntry.objects.values()))
    assert secret not in caplog.text


def test_neither_key_nor_digest_is_in_the_audit(admin_client: Client) -> None:
    text = issue(admin_client)

    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(e)::text FROM tenants_apikeyevent e")
        ((event,),) = cursor.fetchall()

    assert text.split("_")[2] not in event
    assert digest_of(text).hex() not in event
    assert "digest" not in event


def test_the_answer_with_a_key_is_not_stored_by_the_browser(
    admin_client: Client,
) -> None:
    response = save(admin_client, ADD, {"project": make_project().pk, "name": "a"})

    assert response.status_code == 201
    assert "no-store" in response.headers["Cache-Control"]


def test_a_key_must_expire_later_than_now(admin_client: Client) -> None:
    response = save(
        admin_client,
        ADD,
        {
            "project": make_project().pk,
            "name": "late",
            "expires_at_0": "2020-01-01",
            "expires_at_1": "00:00",
        },
    )

    assert "This moment is past" in text_of(response)
    assert not ApiKey.objects.exists()


def test_expiry_and_name_are_edited_and_the_key_itself_is_not(
    admin_client: Client,
) -> None:
    key = make_key(make_project())
    before = (key.key_id, bytes(key.digest), key.project_id)
    page = f"{LIST}{key.pk}/change/"

    assert {"key_id", "digest", "project"}.isdisjoint(form_of(admin_client, page))
    response = save(
        admin_client,
        page,
        {
            "name": "renamed",
            "expires_at_0": "2099-01-01",
            "expires_at_1": "00:00",
            "key_id": "x",
            "project": make_project("other").pk,
        },
    )

    key.refresh_from_db()
    assert saved(response), text_of(response)
    assert (key.name, key.expires_at and key.expires_at.year) == ("renamed", 2099)
    assert (key.key_id, bytes(key.digest), key.project_id) == before


def test_rotation_shows_the_successor_once_and_leaves_the_old_key_its_grace(
    admin_client: Client,
) -> None:
    key = make_key(make_project(), scopes=["chat"])

    response = admin_client.post(f"{LIST}{key.pk}/rotate/", {"grace_hours": 2})

    key.refresh_from_db()
    assert key.rotated_to is not None
    assert key.expires_at is not None
    (text,) = keys_on(response)
    assert key_id_of(text) == key.rotated_to.key_id
    assert key.rotated_to.scopes == ["chat"]
    assert abs(key.expires_at - timezone.now() - timedelta(hours=2)) < timedelta(
        minutes=1
    )


def test_asking_to_rotate_changes_nothing(admin_client: Client) -> None:
    key = make_key(make_project())

    page = admin_client.get(f"{LIST}{key.pk}/rotate/")
    refused = admin_client.post(f"{LIST}{key.pk}/rotate/", {"grace_hours": -1})

    assert "Grace in hours" in text_of(page)
    assert "greater than or equal to 0" in text_of(refused)
    assert ApiKey.objects.count() == 1


def test_a_key_is_rotated_only_once(admin_client: Client) -> None:
    key = make_key(make_project())
    key.rotate()

    response = admin_client.post(
        f"{LIST}{key.pk}/rotate/", {"grace_hours": 2}, follow=True
    )

    assert "rotate its successor" in text_of(response)
    assert ApiKey.objects.count() == 2


def test_revoking_asks_first(admin_client: Client) -> None:
    key = make_key(make_project())
    page = f"{LIST}{key.pk}/revoke/"

    asked = admin_client.get(page)
    key.refresh_from_db()
    assert key.revoked_at is None
    admin_client.post(page)

    key.refresh_from_db()
    assert "refused within two seconds" in text_of(asked)
    assert key.revoked_at is not None


def test_many_keys_are_revoked_after_confirmation(admin_client: Client) -> None:
    project = make_project()
    keys = [make_key(project) for _ in range(3)]
    chosen = {
        "action": "revoke_selected",
        "_selected_action": [key.pk for key in keys[:2]],
    }

    asked = admin_client.post(LIST, chosen)
    assert not ApiKey.objects.filter(revoked_at__isnull=False).exists()
    admin_client.post(LIST, {**chosen, "confirmed": "yes"})

    assert "Revoke 2 keys?" in text_of(asked)
    assert ApiKey.objects.filter(revoked_at__isnull=False).count() == 2


def test_a_key_is_deleted_only_when_revoked(admin_client: Client) -> None:
    key = make_key(make_project())
    page = f"{LIST}{key.pk}/delete/"

    assert admin_client.post(page, {"post": "yes"}).status_code == 403
    key.revoke()

    assert saved(admin_client.post(page, {"post": "yes"}))
    assert not ApiKey.objects.exists()


@pytest.mark.parametrize("path", ["add/", "{}/rotate/", "{}/revoke/"])
def test_who_may_only_look_changes_no_key(client: Client, path: str) -> None:
    key = make_key(make_project())
    client.force_login(person(Role.ANALYST, key.project.organization))

    response = client.post(
        LIST + path.format(key.pk),
        {"project": key.project_id, "name": "x", "grace_hours": 1},
    )

    key.refresh_from_db()
    assert response.status_code == 403
    assert not keys_on(response)
    assert (key.revoked_at, ApiKey.objects.count()) == (None, 1)


def test_keys_are_found_by_their_first_characters_and_by_project(
    admin_client: Client,
) -> None:
    key = make_key(make_project())
    other = make_key(make_project("other"))

    by_prefix = admin_client.get(LIST, {"q": f"sb_{key.key_id[:6]}"})
    by_project = admin_client.get(LIST, {"q": "acor"})

    for page in (by_prefix, by_project):
        assert key.prefix in text_of(page)
        assert other.prefix not in text_of(page)


def test_keys_are_filtered_by_state(admin_client: Client) -> None:
    project = make_project()
    active, revoked = make_key(project), make_key(project)
    revoked.revoke()

    page = text_of(admin_client.get(LIST, {"status": "revoked"}))

    assert revoked.prefix in page
    assert active.prefix not in page
