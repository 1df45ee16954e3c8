"""Who may read the metrics, and what a running process tells."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import Settings

from config.asgi import Application, application
from gateway.metrics.endpoint import may_read
from gateway.simulator import Simulator, serve
from tenants.models import ApiKey
from tests.gateway.rows import make_model, make_price, make_project, make_provider

HERE, ELSEWHERE = ("127.0.0.1", 5000), ("203.0.113.9", 5000)


@pytest.mark.parametrize(
    ("client", "headers", "token", "allowed"),
    [
        (HERE, {}, "", True),
        (("::1", 5000), {}, "", True),
        (("::ffff:127.0.0.1", 5000), {}, "", True),
        (ELSEWHERE, {}, "", False),
        (None, {}, "", False),
        (("", 0), {}, "", False),
        (HERE, {b"x-forwarded-for": b"203.0.113.9"}, "", False),
        (HERE, {b"forwarded": b"for=203.0.113.9"}, "", False),
        (HERE, {b"authorization": b"Bearer "}, "", True),
        (ELSEWHERE, {b"authorization": b"Bearer "}, "", False),
        (HERE, {}, "s3cret", False),
        (ELSEWHERE, {b"authorization": b"Bearer s3cret"}, "s3cret", True),
        (ELSEWHERE, {b"authorization": b"bearer s3cret"}, "s3cret", True),
        (ELSEWHERE, {b"authorization": b"Bearer s3cre"}, "s3cret", False),
        (ELSEWHERE, {b"authorization": b"Bearer \xff"}, "s3cret", False),
    ],
)
def test_metrics_are_not_for_the_public(
    client: tuple[str, int] | None,
    headers: dict[bytes, bytes],
    token: str,
    allowed: bool,
) -> None:
    assert may_read(client, headers, token) is allowed


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with serve() as running:
        yield running


@pytest.fixture
def key(transactional_db: None, simulator: Simulator) -> str:
    provider = make_provider(auth="none", allow_private_addresses=True)
    provider.base_url = simulator.url
    provider.save()
    model = make_model(provider, "sim-chat")
    make_price(model)
    make_price(model, "output")
    _, text = ApiKey.issue(make_project(), "test")
    return text


@pytest_asyncio.fixture
async def running(
    key: str, settings: Settings, tmp_path: Path
) -> AsyncIterator[Application]:
    settings.METRICS_DIR = tmp_path / "metrics"
    settings.SPOOL_DIR = tmp_path / "spool"
    fresh = Application(application._django)
    said: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    heard: asyncio.Queue[Mapping[str, Any]] = asyncio.Queue()
    life = asyncio.create_task(fresh({"type": "lifespan"}, said.get, heard.put))
    await said.put({"type": "lifespan.startup"})
    assert (await heard.get())["type"] == "lifespan.startup.complete"
    yield fresh
    await said.put({"type": "lifespan.shutdown"})
    await life


@pytest_asyncio.fixture
async def http(running: Application) -> AsyncIterator[httpx.AsyncClient]:
    asgi: Any = running
    transport = httpx.ASGITransport(asgi, client=HERE)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://localhost"
    ) as client:
        yield client


@pytest.mark.asyncio
async def test_a_request_leaves_its_traces(http: httpx.AsyncClient, key: str) -> None:
    before = await scraped(http)
    body = {
        "model": "acme/sim-chat",
        "messages": [{"role": "user", "content": "Hello!"}],
    }
    answered = await http.post(
        "/v1/chat/completions", json=body, headers={"authorization": f"Bearer {key}"}
    )
    refused = await http.post("/v1/chat/completions", json=body)

    assert (answered.status_code, refused.status_code) == (200, 401)
    after = await scraped(http)
    grown = {
        name: value - before.get(name, 0.0)
        for name, value in after.items()
        if value != before.get(name)
    }
    assert grown["signalbox_requests_total", "2xx"] == 1
    assert grown["signalbox_requests_total", "4xx"] == 1
    assert grown["signalbox_attempts_total", "ok,acme"] == 1
    assert grown["signalbox_overhead_seconds_count", ""] == 1
    assert grown["signalbox_upstream_seconds_count", "acme"] == 1
    assert after["signalbox_snapshot_version", "1"] > 0
    assert after["signalbox_snapshot_stale_seconds", "1"] == 0
    assert after["signalbox_redis_breaker", "1,closed"] == 1


@pytest.mark.asyncio
async def test_nothing_of_a_request_stands_in_the_metrics(
    http: httpx.AsyncClient, key: str
) -> None:
    text = (await http.get("/metrics")).text

    assert key not in text
    assert "acorn" not in text


@pytest.mark.asyncio
async def test_a_stranger_is_told_what_would_be_needed(running: Application) -> None:
    asgi: Any = running
    transport = httpx.ASGITransport(asgi, client=ELSEWHERE)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://localhost"
    ) as stranger:
        refused = await stranger.get("/metrics")

    assert refused.status_code == 403
    assert "SIGNALBOX_METRICS_TOKEN" in refused.text
    assert "signalbox_" not in refused.text


async def scraped(http: httpx.AsyncClient) -> dict[tuple[str, str], float]:
    response = await http.get("/metrics")
    assert response.status_code == 200
    return {
        (sample.name, ",".join(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
    }
