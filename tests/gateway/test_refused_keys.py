"""Who is let in, and who is told why not."""

import time
from collections.abc import Callable
from datetime import timedelta

import httpx
import openai
import pytest
from django.test import Client
from django.utils import timezone

from gateway.simulator import Simulator
from tenants.models import ApiKey, Project
from tests.gateway.conftest import Offer, client_for
from tests.gateway.live import LiveGateway, wait_until
from tests.gateway.refusals import ASK, HELLO, PATH, error_of


def test_a_request_without_a_key_is_told_how_to_send_one(
    live: LiveGateway, offer: Offer, upstream: Simulator
) -> None:
    offer("sim-chat")

    response = httpx.post(f"{live.url}{PATH}", json=ASK)

    assert response.status_code == 401
    error = error_of(response)
    assert error["code"] == "invalid_api_key"
    assert "Authorization: Bearer" in error["message"]
    assert upstream.calls == []


def test_a_session_of_the_admin_is_no_key_a6(
    live: LiveGateway, admin_client: Client, offer: Offer, upstream: Simulator
) -> None:
    offer("sim-chat")
    cookies = {name: each.value for name, each in admin_client.cookies.items()}
    assert "sessionid" in cookies

    response = httpx.post(f"{live.url}{PATH}", json=ASK, cookies=cookies)

    assert response.status_code == 401
    # No page of another site is told that it may read an answer.
    assert not [name for name in response.headers if name.startswith("access-control")]
    assert upstream.calls == []


def unknown(project: Project) -> str:
    key, text = ApiKey.issue(project, "gone")
    key.delete()
    return text


def revoked(project: Project) -> str:
    key, text = ApiKey.issue(project, "revoked")
    key.revoke()
    return text


def expired(project: Project) -> str:
    soon = timezone.now() + timedelta(milliseconds=60)
    _, text = ApiKey.issue(project, "expired", expires_at=soon)
    time.sleep(0.07)
    return text


def mistyped(project: Project) -> str:
    _, text = ApiKey.issue(project, "mistyped")
    return text[:-1] + ("a" if text[-1] != "a" else "b")


def of_another_secret(project: Project) -> str:
    """A well-formed key with the id of one that works."""
    working, _ = ApiKey.issue(project, "works")
    forged, text = ApiKey.issue(project, "forged")
    forged.delete()
    working.key_id = text.split("_")[1]
    working.save()
    return text


def of_an_inactive_project(project: Project) -> str:
    _, text = ApiKey.issue(project, "inactive")
    Project.objects.filter(pk=project.pk).update(active=False)
    return text


@pytest.mark.parametrize(
    "make",
    [unknown, revoked, expired, mistyped, of_another_secret, of_an_inactive_project],
)
def test_a_key_that_does_not_work_is_an_authentication_error(
    live: LiveGateway, offer: Offer, project: Project, make: Callable[[Project], str]
) -> None:
    offer("sim-chat")
    text = make(project)
    live.caught_up()

    with (
        client_for(live, text) as client,
        pytest.raises(openai.AuthenticationError) as refused,
    ):
        client.chat.completions.create(model="fast", messages=HELLO)

    assert refused.value.code == "invalid_api_key"
    assert text not in str(refused.value)


def test_a_key_stops_at_the_moment_it_expires(
    live: LiveGateway, offer: Offer, project: Project
) -> None:
    offer("sim-chat")
    soon = timezone.now() + timedelta(milliseconds=400)
    _, text = ApiKey.issue(project, "short", expires_at=soon)
    live.caught_up()

    with client_for(live, text) as client:
        client.models.list()
        wait_until(lambda: timezone.now() >= soon)
        with pytest.raises(openai.AuthenticationError):
            client.models.list()


def test_a_revoked_key_stops_within_two_seconds(
    live: LiveGateway, client: openai.OpenAI
) -> None:
    client.models.list()

    ApiKey.objects.get().revoke()

    def is_refused() -> bool:
        try:
            client.models.list()
        except openai.AuthenticationError:
            return True
        return False

    assert wait_until(is_refused, 2.0) < 2.0


@pytest.mark.parametrize("place", ["x-api-key", "api-key", "x-goog-api-key", "?key="])
def test_the_key_is_taken_from_each_of_its_places_and_never_passed_on(
    live: LiveGateway, key: str, offer: Offer, upstream: Simulator, place: str
) -> None:
    offer("sim-chat")
    headers = {} if place == "?key=" else {place: key}
    query = {"key": key} if place == "?key=" else {}

    response = httpx.post(f"{live.url}{PATH}", json=ASK, headers=headers, params=query)

    assert response.status_code == 200
    (call,) = upstream.calls
    assert key not in str(call.headers) + str(call.body)


def test_several_places_may_hold_the_same_key(
    http: httpx.Client, key: str, offer: Offer
) -> None:
    offer("sim-chat")

    response = http.post(
        PATH, json=ASK, headers={"x-api-key": key}, params={"key": key}
    )

    assert response.status_code == 200


@pytest.mark.parametrize(
    "further",
    [("x-api-key", "sb_other"), ("authorization", "Bearer sb_other"), ("api-key", "")],
)
def test_two_keys_that_differ_are_refused(
    live: LiveGateway, key: str, offer: Offer, further: tuple[str, str]
) -> None:
    offer("sim-chat")
    headers = [("authorization", f"Bearer {key}"), further]

    response = httpx.post(f"{live.url}{PATH}", json=ASK, headers=headers)
    turned = httpx.post(f"{live.url}{PATH}", json=ASK, headers=headers[::-1])

    assert response.status_code == turned.status_code == 401
    assert "several keys" in error_of(response)["message"]


# What a key may do


@pytest.mark.parametrize("by", ["slug", "pk"])
def test_a_request_may_name_the_project_of_its_key(
    http: httpx.Client, project: Project, by: str
) -> None:
    headers = {"x-project-id": str(getattr(project, by))}

    assert http.get("/v1/models", headers=headers).status_code == 200


def test_a_request_that_names_another_project_is_forbidden(
    client: openai.OpenAI, other_project: Project, upstream: Simulator
) -> None:
    with pytest.raises(openai.PermissionDeniedError) as refused:
        client.chat.completions.create(
            model="fast",
            messages=HELLO,
            extra_headers={"x-project-id": other_project.slug},
        )

    assert refused.value.code == "permission_denied"
    assert upstream.calls == []


def test_a_key_without_the_scope_is_forbidden(
    live: LiveGateway, offer: Offer, project: Project
) -> None:
    offer("sim-chat")
    _, narrow = ApiKey.issue(project, "narrow", scopes=["embeddings"])
    _, wide = ApiKey.issue(project, "wide", scopes=["embeddings", "chat"])

    with client_for(live, wide) as client:
        assert client.chat.completions.create(model="fast", messages=HELLO).choices
    with client_for(live, narrow) as client:
        assert client.models.list().data
        with pytest.raises(openai.PermissionDeniedError) as refused:
            client.chat.completions.create(model="fast", messages=HELLO)

    assert refused.value.code == "permission_denied"
    assert "chat" in refused.value.message
