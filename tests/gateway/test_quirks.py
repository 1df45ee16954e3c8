"""Facts are rows: defaults of aliases and quirks of providers, without a line of code."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from catalog.models import Provider
from gateway.simulator import Simulator
from tests.factories import (
    AIModelFactory,
    CredentialFactory,
    EndpointFactory,
    PriceFactory,
    ProviderFactory,
)
from tests.gateway.conftest import Offer
from tests.gateway.live import LiveGateway
from tests.gateway.scripted_upstream import ScriptedUpstream

pytestmark = pytest.mark.usefixtures("accounted")

PATH = "/v1/chat/completions"
HELLO: Any = [{"role": "user", "content": "Hello there"}]


def body_sent(upstream: Simulator, http: httpx.Client, **fields: Any) -> dict[str, Any]:
    """Return what the provider gets of a request with these fields."""
    upstream.reset()
    body = {"model": "fast", "messages": HELLO, **fields}
    response = http.post(PATH, json=body)
    assert response.status_code == 200, response.text
    (call,) = upstream.calls
    assert call.body is not None
    return call.body


def test_defaults_of_an_alias_fill_what_a_request_leaves_open(
    http: httpx.Client, offer: Offer, upstream: Simulator
) -> None:
    offer("sim-chat", defaults={"temperature": 0.7, "stop": ["END"], "seed": None})

    filled = body_sent(upstream, http)
    own = body_sent(upstream, http, temperature=0, stop=None)

    assert (filled["temperature"], filled["stop"]) == (0.7, ["END"])
    assert (own["temperature"], own["stop"]) == (0, None)
    by_name = body_sent(upstream, http, model="sim/sim-chat")
    assert "temperature" not in by_name


@pytest.mark.parametrize("default", ["max_tokens", "max_completion_tokens"])
@pytest.mark.parametrize("asked", ["max_tokens", "max_completion_tokens"])
def test_a_bound_of_the_request_replaces_the_default_under_either_name(
    http: httpx.Client, offer: Offer, upstream: Simulator, default: str, asked: str
) -> None:
    offer("sim-chat", defaults={default: 5})

    assert body_sent(upstream, http)[default] == 5
    sent = body_sent(upstream, http, **{asked: 30})

    bounds = {name: sent[name] for name in sent if name.startswith("max_")}
    assert bounds == {asked: 30}


def test_defaults_do_not_change_what_a_request_is(
    http: httpx.Client, offer: Offer, upstream: Simulator
) -> None:
    offer(
        "sim-chat",
        defaults={
            "stream": True,
            "stream_options": {"include_usage": True},
            "model": "other",
            "messages": [],
            "models": ["other"],
            "provider": {"only": ["other"]},
        },
    )

    assert body_sent(upstream, http) == {"model": "sim-chat", "messages": HELLO}


def test_a_provider_gets_its_parameters_under_its_own_names(
    live: LiveGateway,
    http: httpx.Client,
    offer: Offer,
    provider: Provider,
    upstream: Simulator,
) -> None:
    provider.drop_params = ["logit_bias", "user"]
    provider.rename_params = {"max_completion_tokens": "max_tokens"}
    provider.headers = {"X-House": "rules"}
    provider.save()
    offer("sim-chat")

    sent = body_sent(
        upstream, http, max_completion_tokens=9, logit_bias={"1": 1}, user="u", seed=1
    )

    assert sent == {
        "model": "sim-chat",
        "messages": HELLO,
        "max_tokens": 9,
        "seed": 1,
    }
    (call,) = upstream.calls
    assert call.headers["x-house"] == "rules"


@pytest.fixture
def house(live: LiveGateway) -> Iterator[ScriptedUpstream]:
    """A provider with a path and an authentication of its own."""
    with ScriptedUpstream() as house:
        provider = ProviderFactory.create(
            slug="house",
            base_url=f"{house.url}/api",
            auth="query:token",
            allow_private_addresses=True,
        )
        EndpointFactory.create(provider=provider, pattern="/deploy/{deployment}/chat")
        CredentialFactory.create(provider=provider, value="a&b=c/d+e")
        model = AIModelFactory.create(provider=provider, model_id="large")
        for component in ("input", "output"):
            PriceFactory.create(model=model, component=component)
        live.caught_up()
        yield house


def test_a_provider_that_speaks_a_known_protocol_needs_only_rows(
    http: httpx.Client, house: ScriptedUpstream
) -> None:
    house.says_whole(b'{"choices":[{"message":{"content":"a"}}]}')

    response = http.post(PATH, json={"model": "house/large", "messages": HELLO})

    assert response.status_code == 200
    head, _, body = house.said[0].request.partition(b"\r\n\r\n")
    line, *headers = head.split(b"\r\n")
    assert line == b"POST /api/deploy/large/chat?token=a%26b%3Dc%2Fd%2Be HTTP/1.1"
    assert not any(header.lower().startswith(b"authorization") for header in headers)
    assert json.loads(body) == {"model": "large", "messages": HELLO}


def test_the_address_of_a_provider_is_not_shown_when_it_fails(
    http: httpx.Client, house: ScriptedUpstream, caplog: pytest.LogCaptureFixture
) -> None:
    house.says(b"HTTP/1.1 500 Oops\r\ncontent-length: 27\r\nconnection: close\r\n\r\n")

    response = http.post(PATH, json={"model": "house/large", "messages": HELLO})

    assert response.status_code == 502
    for text in (response.text, caplog.text):
        assert "a%26b" not in text
        assert "a&b=c" not in text


def test_a_provider_that_repeats_our_credential_is_not_quoted(
    http: httpx.Client, house: ScriptedUpstream
) -> None:
    body = b'{"error":{"message":"Who is a&b=c/d+e?","code":"bad"}}'
    head = b"HTTP/1.1 400 No\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"
    house.says(head % len(body) + body)
    plain = http.post(PATH, json={"model": "house/large", "messages": HELLO})
    house.says_stream(
        b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n',
        b"data: " + body + b"\n\n",
        pause_s=0.02,
    )
    streamed = http.post(
        PATH, json={"model": "house/large", "messages": HELLO, "stream": True}
    )

    assert plain.json()["error"]["message"] == "Who is [redacted]?"
    assert "Who is [redacted]?" in streamed.text


@pytest.mark.parametrize(
    "pieces",
    [
        [b"HTTP/1.1 200 OK\r\n", *[b"x" for _ in range(200)]],
        [b"HTTP/1.1 200 OK\r\nx-a: 1\r\n", *[b"x-b: 2\r\n" for _ in range(200)]],
    ],
    ids=["a header without end", "headers without end"],
)
def test_a_head_that_does_not_end_is_given_up_in_time(
    live: LiveGateway, http: httpx.Client, house: ScriptedUpstream, pieces: list[bytes]
) -> None:
    Provider.objects.update(first_byte_timeout_s=0.3)
    live.caught_up()
    house.says(*pieces, pause_s=0.02)

    response = http.post(PATH, json={"model": "house/large", "messages": HELLO})

    assert response.status_code == 504
    assert response.json()["error"]["code"] == "upstream_timeout"


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"not HTTP at all\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nx-long: " + b"x" * 100_000 + b"\r\n\r\n{}",
        b"HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n{}",
    ],
    ids=[
        "nothing",
        "no HTTP",
        "no length",
        "two lengths",
        "no chunk",
        "too little",
        "a huge header",
        "an upgrade",
    ],
)
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
def test_what_is_no_answer_is_an_upstream_error(
    http: httpx.Client, house: ScriptedUpstream, said: bytes, stream: bool
) -> None:
    house.says(said)

    response = http.post(
        PATH, json={"model": "house/large", "messages": HELLO, "stream": stream}
    )

    assert response.status_code == 502, response.text
    assert response.json()["error"]["code"].startswith("upstream_")
