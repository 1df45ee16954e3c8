"""Providers that limit the rate, or are about to; U17, U18."""

import socket
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx
import pytest

from catalog.models import Provider
from gateway.simulator import Simulator
from tests.factories import (
    AIModelFactory,
    AliasTargetFactory,
    CredentialFactory,
    EndpointFactory,
    PriceFactory,
    ProviderFactory,
)
from tests.gateway.asking import ask, plain_and_streamed
from tests.gateway.conftest import CREDENTIAL, Offer, offered_model
from tests.gateway.live import LiveGateway
from tests.gateway.scripted_upstream import WHOLE_HEAD, ScriptedUpstream, _read_request

pytestmark = pytest.mark.usefixtures("accounted")

ANSWER = (
    b'{"id":"c","object":"chat.completion","created":1,"model":"near","choices":[{"index"'
    b':0,"message":{"role":"assistant","content":"Hi"},"finish_reason":"stop"}],"usage":'
    b'{"prompt_tokens":2,"completion_tokens":1,"total_tokens":3}}'
)
LIMITED = (
    b"HTTP/1.1 429 Too Many Requests\r\ncontent-type: application/json\r\n"
    b"retry-after: 7\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}"
)


@plain_and_streamed
def test_a_limited_target_waits_its_time_out_while_others_answer_u17(
    http: httpx.Client, offer: Offer, upstream: Simulator, stream: bool
) -> None:
    offer("sim-fault-429-retry-after-7", "sim-chat")

    responses = [ask(http, stream=stream) for _ in range(4)]

    attempts = [r.headers["x-signalbox-attempts"] for r in responses]
    assert attempts == ["2", "1", "1", "1"]
    assert {r.headers["x-signalbox-fallback"] for r in responses} == {"true"}
    assert len(upstream.calls) == 5


def test_a_limited_target_alone_is_refused_with_what_is_left_of_its_wait_u17(
    http: httpx.Client, offer: Offer, upstream: Simulator
) -> None:
    offer("sim-fault-429-retry-after-7", "sim-fault-429-retry-after-5")

    first, second = ask(http, stream=False), ask(http, stream=False)

    for response in (first, second):
        assert response.status_code == 429
        assert response.json()["error"]["code"] == "rate_limit_exceeded"
        assert response.headers["retry-after"] == "5"
        assert 4000 < int(response.headers["retry-after-ms"]) <= 5000
    assert len(upstream.calls) == 2


@pytest.mark.parametrize("wait", ["", "-retry-after-0", "-absurd", "-absurd-nan"])
def test_a_limit_without_a_wait_is_respected_for_a_moment_u18(
    http: httpx.Client, offer: Offer, upstream: Simulator, wait: str
) -> None:
    offer(f"sim-fault-429{wait}")

    first, second = ask(http, stream=False), ask(http, stream=False)

    assert [first.status_code, second.status_code] == [429, 429]
    assert first.headers["retry-after"] == second.headers["retry-after"] == "1"
    assert len(upstream.calls) == 1


def test_a_limit_is_one_credentials_and_another_may_serve_the_model_u17(
    http: httpx.Client, provider: Provider, offer: Offer, upstream: Simulator
) -> None:
    CredentialFactory.create(provider=provider, name="second", value=f"{CREDENTIAL}-2")
    offer("sim-limited")
    upstream.change("sim-limited", fault="429-retry-after-7")
    assert ask(http, stream=False).status_code == 429
    upstream.change("sim-limited", fault=None)

    # Both wait now; nobody is asked.
    assert ask(http, stream=False).status_code == 429
    assert len(upstream.calls) == 2


@dataclass(slots=True)
class OfTwoCredentials(ScriptedUpstream):
    """Answers whoever presents the second one; the first has reached its limit."""

    presented: Counter[str] = field(default_factory=Counter)

    def _play(self, connection: socket.socket) -> None:
        with connection:
            is_first = b"Bearer sk-first" in _read_request(connection)
            self.presented["first" if is_first else "second"] += 1
            connection.sendall(
                LIMITED if is_first else WHOLE_HEAD % len(ANSWER) + ANSWER
            )


def test_while_one_credential_waits_another_serves_the_model_u17(
    http: httpx.Client, live: LiveGateway
) -> None:
    with OfTwoCredentials() as scripted:
        provider = ProviderFactory.create(
            slug="near", base_url=scripted.url, allow_private_addresses=True
        )
        EndpointFactory.create(provider=provider)
        for name in ("first", "second"):
            CredentialFactory.create(
                provider=provider, name=name, value=f"sk-{name}-credential"
            )
        offered_model(provider, "near")
        live.caught_up()

        responses = [ask(http, "near/near", stream=False) for _ in range(6)]

    assert [response.status_code for response in responses] == [200] * 6
    assert scripted.presented == {"first": 1, "second": 6}


@pytest.fixture
def near() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as scripted:
        yield scripted


@pytest.mark.parametrize(
    ("told", "is_spared"),
    [
        (b"x-ratelimit-remaining-requests: 0\r\n", True),
        (
            b"x-ratelimit-remaining-tokens: 3\r\nx-ratelimit-reset-tokens: 6m0s\r\n",
            True,
        ),
        (b"anthropic-ratelimit-requests-remaining: 0\r\n", True),
        (b"x-ratelimit-remaining-requests: 900\r\n", False),
        (b"x-ratelimit-remaining-requests: -1\r\n", False),
        (b"", False),
    ],
)
def test_a_target_that_is_about_to_be_limited_goes_last(
    http: httpx.Client,
    live: LiveGateway,
    provider: Provider,
    near: ScriptedUpstream,
    told: bytes,
    is_spared: bool,
) -> None:
    near.says(
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n"
        b"content-length: %d\r\n%b\r\n%b" % (len(ANSWER), told, ANSWER)
    )
    scripted = ProviderFactory.create(
        slug="near", base_url=near.url, auth="none", allow_private_addresses=True
    )
    EndpointFactory.create(provider=scripted)
    model = AIModelFactory.create(provider=scripted, model_id="near")
    for component in ("input", "output"):
        PriceFactory.create(model=model, component=component)
    alias = AliasTargetFactory.create(alias__name="fast", model=model).alias
    other = offered_model(provider, "sim-chat")
    AliasTargetFactory.create(alias=alias, model=other, priority=2)
    AliasTargetFactory.create(alias__name="alone", model=model)
    live.caught_up()

    first, second = ask(http, stream=False), ask(http, stream=False)
    alone = ask(http, "alone", stream=False)

    assert first.headers["x-signalbox-model"] == "near"
    assert second.headers["x-signalbox-model"] == ("sim-chat" if is_spared else "near")
    # Last is not never.
    assert alone.headers["x-signalbox-model"] == "near"
