"""Requests that end otherwise than they should, by no fault of client or provider."""

import asyncio
from typing import Any

import httpx
import openai
import pytest

from gateway.adapters import openai_chat
from gateway.simulator import Simulator
from tenants.models import Project
from tests.factories import LimitFactory
from tests.gateway.conftest import Offer
from tests.gateway.live import LiveGateway, wait_until

pytestmark = pytest.mark.usefixtures("accounted")

PATH = "/v1/chat/completions"
HELLO: Any = [{"role": "user", "content": "Hello there"}]
# A mistake of ours may quote what was asked, and then no log may tell its words.
QUOTING = "Hello there, said the canary."
ASK = {"model": "fast", "messages": HELLO}

plain_and_streamed = pytest.mark.parametrize(
    "stream", [False, True], ids=["plain", "streamed"]
)


def end_requests(live: LiveGateway) -> None:
    """Cancel what is under way, as the server does when its time to drain is over."""

    async def cancel() -> None:
        for task in live._server.server_state.tasks:
            task.cancel()

    live.run(cancel())


def test_a_stream_that_outlives_the_server_ends_with_an_error_event(
    live: LiveGateway,
    client: openai.OpenAI,
    offer: Offer,
    project: Project,
    upstream: Simulator,
) -> None:
    LimitFactory.create(project=project, metric="concurrency", amount=1)
    offer("sim-chat-pace-20-events-500")

    stream = client.chat.completions.create(model="fast", messages=HELLO, stream=True)
    next(stream)
    end_requests(live)
    with pytest.raises(openai.APIError) as ended:
        list(stream)

    assert ended.value.code == "draining"
    wait_until(lambda: upstream.calls[0].outcome == "cut")
    (event,) = live.events(project)
    assert (event.status, event.error_code) == ("incomplete", "draining")
    assert event.output_tokens > 0


@plain_and_streamed
def test_a_request_that_outlives_the_server_is_told_to_come_back(
    live: LiveGateway,
    key: str,
    offer: Offer,
    project: Project,
    upstream: Simulator,
    stream: bool,
) -> None:
    offer("sim-chat-latency-3000")

    async def ask() -> httpx.Response:
        headers = {"authorization": f"Bearer {key}"}
        async with httpx.AsyncClient(base_url=live.url, headers=headers) as http:
            asked = asyncio.create_task(http.post(PATH, json={**ASK, "stream": stream}))
            while not upstream.calls:
                await asyncio.sleep(0.01)
            await asyncio.to_thread(end_requests, live)
            return await asked

    response = asyncio.run(ask())

    assert response.status_code == 503
    assert response.json()["error"]["code"] == "draining"
    (event,) = live.events(project)
    assert event.status in {"cancelled", "failed"}


@plain_and_streamed
def test_what_cannot_be_metered_is_not_done(
    live: LiveGateway,
    http: httpx.Client,
    offer: Offer,
    project: Project,
    upstream: Simulator,
    monkeypatch: pytest.MonkeyPatch,
    stream: bool,
) -> None:
    LimitFactory.create(project=project, metric="concurrency", amount=1)
    offer("sim-chat")

    with monkeypatch.context() as full:
        full.setattr(live.spool, "_max_bytes", -1)
        refused = http.post(PATH, json={**ASK, "stream": stream})

    assert refused.status_code == 503
    assert refused.json()["error"]["code"] == "overloaded"
    assert refused.headers["retry-after"]
    assert upstream.calls == []
    wait_until(lambda: http.post(PATH, json=ASK).status_code == 200)


@plain_and_streamed
def test_the_unforeseen_is_answered_settled_and_given_back(
    live: LiveGateway,
    http: httpx.Client,
    offer: Offer,
    project: Project,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    stream: bool,
) -> None:
    LimitFactory.create(project=project, metric="concurrency", amount=1)
    offer("sim-chat", "sim-chat-large")

    def break_down(*_: Any, **__: Any) -> None:
        raise RuntimeError(QUOTING)

    with monkeypatch.context() as broken:
        broken.setattr(openai_chat, "parse_response", break_down)
        broken.setattr(openai_chat, "StreamInspector", break_down)
        response = http.post(PATH, json={**ASK, "stream": stream})

    assert response.status_code == 500
    error = response.json()["error"]
    assert error["code"] == "internal_error"
    assert "canary" not in response.text
    assert response.headers["x-request-id"] in str(
        [record.__dict__ for record in caplog.records]
    )
    (event,) = live.events(project)
    assert (event.status, event.error_code) == ("failed", "internal_error")
    wait_until(lambda: http.post(PATH, json=ASK).status_code == 200)


def test_the_unforeseen_within_a_stream_ends_it_with_an_error_event(
    live: LiveGateway,
    client: openai.OpenAI,
    offer: Offer,
    project: Project,
    upstream: Simulator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    offer("sim-chat-pace-20-events-500")

    def break_down(*_: Any) -> None:
        raise RuntimeError(QUOTING)

    stream = client.chat.completions.create(model="fast", messages=HELLO, stream=True)
    next(stream)
    with monkeypatch.context() as broken:
        broken.setattr(openai_chat.StreamInspector, "read", break_down)
        with pytest.raises(openai.APIError) as ended:
            list(stream)

    assert ended.value.code == "internal_error"
    assert "canary" not in ended.value.message
    wait_until(lambda: upstream.calls[0].outcome == "cut")
    (event,) = live.events(project)
    assert (event.status, event.error_code) == ("incomplete", "internal_error")
