"""Providers that cannot be reached, or may not be."""

import socket
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from catalog.models import Provider
from gateway.simulator import Simulator
from tenants.models import Project
from tests.factories import (
    AIModelFactory,
    AliasTargetFactory,
    EndpointFactory,
    PriceFactory,
    ProviderFactory,
)
from tests.gateway.asking import ask
from tests.gateway.conftest import offered_model
from tests.gateway.live import LiveGateway

pytestmark = pytest.mark.usefixtures("accounted")


def refusing() -> str:
    """Return an address where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        host, port = taken.getsockname()
    return f"http://{host}:{port}"


@pytest.fixture
def deaf() -> Iterator[str]:
    """An address where connections are never accepted."""
    with socket.socket() as listener, socket.socket() as first:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        first.connect(address)
        others = [socket.socket() for _ in range(4)]
        for other in others:
            other.setblocking(False)
            other.connect_ex(address)
        yield f"http://{address[0]}:{address[1]}"
        for other in others:
            other.close()


def away(live: LiveGateway, provider: Provider, url: str, **fields: Any) -> None:
    """Put a model of a provider that is not there before one that is, as `fast`."""
    gone = ProviderFactory.create(
        **{
            "slug": "gone",
            "base_url": url,
            "auth": "none",
            "allow_private_addresses": True,
            "connect_timeout_s": 0.2,
            **fields,
        }
    )
    EndpointFactory.create(provider=gone)
    model = AIModelFactory.create(provider=gone, model_id="far")
    for component in ("input", "output"):
        PriceFactory.create(model=model, component=component)
    alias = AliasTargetFactory.create(alias__name="fast", model=model).alias
    AliasTargetFactory.create(
        alias=alias, model=offered_model(provider, "sim-chat"), priority=2
    )
    live.caught_up()


def test_a_refused_connection_is_a_reason_to_ask_the_next(
    http: httpx.Client, live: LiveGateway, provider: Provider, project: Project
) -> None:
    away(live, provider, refusing())

    assert ask(http, stream=False).status_code == 200
    alone = ask(http, "gone/far", stream=False)

    assert alone.status_code == 502
    assert alone.json()["error"]["code"] == "upstream_unreachable"
    assert [event.error_code for event in live.events(project)] == [
        "upstream_unreachable",
        "",
        *["upstream_unreachable"] * 3,
    ]


def test_a_connection_that_is_not_accepted_is_given_up_in_time(
    http: httpx.Client, live: LiveGateway, provider: Provider, deaf: str
) -> None:
    away(live, provider, deaf)

    began = time.monotonic()
    response = ask(http, stream=False)

    assert response.status_code == 200
    assert 0.15 < time.monotonic() - began < 1.5
    alone = ask(http, "gone/far", stream=False)
    assert (alone.status_code, alone.json()["error"]["code"]) == (
        504,
        "upstream_timeout",
    )


def test_a_name_that_does_not_resolve_is_a_reason_to_ask_the_next(
    http: httpx.Client, live: LiveGateway, provider: Provider
) -> None:
    away(live, provider, "http://nowhere.invalid")

    assert ask(http, stream=False).status_code == 200
    alone = ask(http, "gone/far", stream=False)
    assert alone.json()["error"]["code"] == "upstream_unreachable"
    assert "nowhere.invalid" not in alone.text


def test_a_provider_without_tls_where_tls_is_due_is_not_trusted(
    http: httpx.Client, live: LiveGateway, provider: Provider, upstream: Simulator
) -> None:
    away(live, provider, upstream.url.replace("http://", "https://"))

    alone = ask(http, "gone/far", stream=False)

    assert (alone.status_code, alone.json()["error"]["code"]) == (502, "upstream_tls")
    assert ask(http, stream=False).status_code == 200


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "169.254.169.254"])
def test_a_provider_reaches_private_addresses_only_when_it_may(
    http: httpx.Client,
    live: LiveGateway,
    provider: Provider,
    upstream: Simulator,
    host: str,
) -> None:
    port = upstream.url.rpartition(":")[2]
    away(live, provider, f"http://{host}:{port}", allow_private_addresses=False)

    alone = ask(http, "gone/far", stream=False)

    assert alone.status_code == 502
    assert alone.json()["error"]["code"] == "upstream_unreachable"
    assert "private address" in alone.json()["error"]["message"]
    assert upstream.calls == []
