"""Credentials that a provider refuses, or whose quota is spent; U21."""

import logging
import time

import httpx
import pytest
from django.test import Client

from catalog.models import Credential, Provider
from gateway.resilience import quarantine
from gateway.simulator import Simulator
from tests.factories import CredentialFactory
from tests.gateway.asking import ask
from tests.gateway.conftest import CREDENTIAL, Offer
from tests.gateway.live import LiveGateway, wait_until

pytestmark = pytest.mark.usefixtures("accounted")

BAD = "sk-invalid"


@pytest.fixture(autouse=True)
def little_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quarantine, "GRACE_S", 0.1)


def quarantined() -> list[str]:
    found = Credential.objects.filter(quarantined_at__isnull=False)
    return sorted(found.values_list("name", flat=True))


def put_bad(provider: Provider) -> None:
    """Make the provider's first credential one that the simulator refuses."""
    row = Credential.objects.get()
    row.put(BAD)
    row.save()


def test_a_refused_credential_is_quarantined_and_the_next_one_is_used(
    http: httpx.Client,
    live: LiveGateway,
    provider: Provider,
    offer: Offer,
    upstream: Simulator,
    caplog: pytest.LogCaptureFixture,
) -> None:
    put_bad(provider)
    CredentialFactory.create(provider=provider, name="second", value=CREDENTIAL)
    offer("sim-chat")

    first, second = ask(http, stream=False), ask(http, stream=False)
    wait_until(lambda: quarantined() == ["default"])
    live.caught_up()
    third = ask(http, stream=False)

    assert [r.status_code for r in (first, second, third)] == [200] * 3
    attempts = [r.headers["x-signalbox-attempts"] for r in (first, second, third)]
    assert attempts == ["2", "1", "1"]
    wait_until(lambda: "credential quarantined" in caplog.text)
    (told,) = [r for r in caplog.records if r.message == "credential quarantined"]
    assert told.levelno == logging.WARNING
    assert BAD not in caplog.text


def test_a_client_is_never_told_that_its_own_key_is_wrong(
    http: httpx.Client, live: LiveGateway, provider: Provider, offer: Offer
) -> None:
    put_bad(provider)
    offer("sim-chat")

    response = ask(http, stream=False)
    wait_until(lambda: quarantined() == ["default"])
    live.caught_up()
    later = ask(http, stream=False)

    assert (response.status_code, response.json()["error"]["code"]) == (
        502,
        "upstream_auth",
    )
    assert (later.status_code, later.json()["error"]["code"]) == (
        503,
        "no_healthy_candidate",
    )


def test_one_that_is_released_in_the_admin_is_used_again(
    http: httpx.Client,
    live: LiveGateway,
    provider: Provider,
    offer: Offer,
    admin_client: Client,
) -> None:
    put_bad(provider)
    offer("sim-chat")
    ask(http, stream=False)
    wait_until(lambda: quarantined() == ["default"])
    row = Credential.objects.get()
    row.put(CREDENTIAL)
    row.save()

    admin_client.post(
        "/admin/catalog/credential/",
        {"action": "release_selected", "_selected_action": [row.pk]},
    )
    live.caught_up()

    assert quarantined() == []
    assert ask(http, stream=False).status_code == 200


@pytest.mark.parametrize("fault", ["401", "403"])
def test_a_credential_that_is_good_for_something_is_not_given_up_for_one_refusal(
    http: httpx.Client, live: LiveGateway, offer: Offer, fault: str
) -> None:
    offer(f"sim-fault-{fault}", "sim-chat")

    responses = [ask(http, stream=False) for _ in range(8)]
    time.sleep(0.3)

    assert {r.status_code for r in responses} == {200}
    # The model that refuses it goes last from then on.
    assert [r.headers["x-signalbox-attempts"] for r in responses] == ["2"] + ["1"] * 7
    assert quarantined() == []


def test_no_project_can_have_a_good_credential_quarantined_by_what_it_asks(
    http: httpx.Client, live: LiveGateway, offer: Offer
) -> None:
    offer("sim-chat")
    offer("sim-fault-403", name="forbidden")
    assert ask(http, stream=False).status_code == 200

    refused = [ask(http, "forbidden", stream=False) for _ in range(10)]
    time.sleep(0.3)

    assert {r.status_code for r in refused} == {502}
    assert quarantined() == []
    assert ask(http, stream=False).status_code == 200


def test_a_key_that_was_revoked_at_the_provider_is_noticed_after_a_few_refusals(
    http: httpx.Client, live: LiveGateway, offer: Offer, upstream: Simulator
) -> None:
    offer("sim-once")
    assert ask(http, stream=False).status_code == 200
    upstream.change("sim-once", fault="401")

    for _ in range(3):
        assert ask(http, stream=False).status_code == 502

    wait_until(lambda: quarantined() == ["default"])
    live.caught_up()


def test_a_value_that_was_replaced_meanwhile_is_not_quarantined(
    http: httpx.Client,
    provider: Provider,
    offer: Offer,
    live: LiveGateway,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(quarantine, "GRACE_S", 0.5)
    put_bad(provider)
    offer("sim-chat")
    ask(http, stream=False)

    row = Credential.objects.get()
    row.put(CREDENTIAL)
    row.save()
    live.caught_up()
    wait_until(lambda: not live.gateway.standings.quarantine._tasks)

    assert quarantined() == []
    assert ask(http, stream=False).status_code == 200


def test_a_spent_quota_rests_the_credential_and_others_go_first(
    http: httpx.Client,
    live: LiveGateway,
    provider: Provider,
    offer: Offer,
    upstream: Simulator,
) -> None:
    CredentialFactory.create(provider=provider, name="second", value=f"{CREDENTIAL}-2")
    offer("sim-fault-quota", "sim-chat")

    responses = [ask(http, stream=False) for _ in range(3)]

    assert {r.status_code for r in responses} == {200}
    # Both were asked of the first model; neither of them again.
    attempts = [r.headers["x-signalbox-attempts"] for r in responses]
    assert attempts == ["3", "1", "1"]
    assert quarantined() == []
