"""What an operator says that a provider grants a credential is not exceeded."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from catalog.models import Credential, Provider
from gateway.simulator import Simulator
from tests.factories import CredentialFactory
from tests.gateway.asking import HELLO, PATH, ask, plain_and_streamed
from tests.gateway.conftest import Offer
from tests.gateway.live import LiveGateway, wait_until


def cap(live: LiveGateway, **caps: int) -> None:
    Credential.objects.filter(name="default").update(**caps)
    live.caught_up()


@plain_and_streamed
def test_a_used_up_credential_gives_way_to_the_next_one(
    http: httpx.Client,
    live: LiveGateway,
    provider: Provider,
    offer: Offer,
    upstream: Simulator,
    stream: bool,
) -> None:
    CredentialFactory.create(provider=provider, name="second", value="sk-second")
    offer("sim-chat")
    Credential.objects.filter(name="second").update(requests_per_minute=1)
    cap(live, requests_per_minute=2)

    responses = [ask(http, stream=stream) for _ in range(4)]

    assert [r.status_code for r in responses] == [200, 200, 200, 429]
    answered = responses[:3]
    assert {r.headers["x-signalbox-attempts"] for r in answered} == {"1"}
    assert len(upstream.calls) == 3


def test_when_nobody_is_left_the_client_is_told_how_long_to_wait(
    http: httpx.Client, live: LiveGateway, offer: Offer, upstream: Simulator
) -> None:
    offer("sim-chat")
    cap(live, requests_per_minute=2)

    responses = [ask(http, stream=False) for _ in range(3)]

    assert [r.status_code for r in responses] == [200, 200, 429]
    refused = responses[-1]
    assert refused.json()["error"]["code"] == "rate_limit_exceeded"
    assert 25 <= int(refused.headers["retry-after"]) <= 30
    assert len(upstream.calls) == 2


def test_tokens_are_charged_as_they_were_used(
    http: httpx.Client, live: LiveGateway, offer: Offer
) -> None:
    offer("sim-chat")
    cap(live, tokens_per_minute=1_000)
    body = {"model": "fast", "messages": HELLO, "max_tokens": 500}

    # Each takes up half of it, and gives most of that back.
    codes = [http.post(PATH, json=body).status_code for _ in range(3)]

    assert codes == [200] * 3


def test_only_so_many_run_at_the_same_time(
    http: httpx.Client, live: LiveGateway, offer: Offer, upstream: Simulator
) -> None:
    offer("sim-slow-latency-500")
    cap(live, max_concurrency=1)

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(ask, http, stream=False)
        wait_until(lambda: len(upstream.calls) == 1)
        second = ask(http, stream=False)
        assert first.result().status_code == 200

    assert second.status_code == 429
    assert ask(http, stream=False).status_code == 200


def test_explain_shows_what_is_left_and_why_nobody_is_asked(
    http: httpx.Client, live: LiveGateway, offer: Offer
) -> None:
    offer("sim-chat")
    cap(live, requests_per_minute=1)
    before = explained(http)
    ask(http, stream=False)
    after = explained(http)

    assert before["readiness"] == "ready"
    assert before["caps"] == {"requests_per_minute": {"cap": 1, "left": 1}}
    assert after["readiness"] == "not now"
    assert after["reason"] == "A cap of its credential is reached."
    assert after["caps"]["requests_per_minute"]["left"] == 0


def test_caps_are_configuration_that_can_be_taken_away_again(
    http: httpx.Client, live: LiveGateway, offer: Offer
) -> None:
    offer("sim-chat")
    assert ask(http, stream=False).status_code == 200
    cap(live, requests_per_minute=1)
    codes = [ask(http, stream=False).status_code for _ in range(2)]
    Credential.objects.update(requests_per_minute=None)
    live.caught_up()

    assert codes == [200, 429]
    assert ask(http, stream=False).status_code == 200


def explained(http: httpx.Client) -> Any:
    body = {"model": "fast", "messages": HELLO}
    (candidate,) = http.post("/v1/route/explain", json=body).json()["candidates"]
    return candidate["health"]
