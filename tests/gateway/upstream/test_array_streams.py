"""Gemini's streams as a JSON array: what its REST clients read without `?alt=sse`."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from gateway.refusals import Draining, Refusal
from gateway.simulator import Simulator
from gateway.upstream.array_streams import ArrayStream
from tenants.models import Project
from tests.gateway.live import LiveGateway
from tests.gateway.matrix.providers import PROTOCOLS, offered

HELLO = {"contents": [{"role": "user", "parts": [{"text": "Hello there"}]}]}


def stream(http: httpx.Client, model: str) -> httpx.Response:
    return http.post(f"/v1beta/models/{model}:streamGenerateContent", json=HELLO)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_stream_is_an_array_of_answers(
    http: httpx.Client,
    live: LiveGateway,
    upstream: Simulator,
    project: Project,
    protocol: str,
) -> None:
    model = offered(live, upstream, protocol, "sim-chat")

    response = stream(http, model)

    assert response.headers["content-type"] == "application/json"
    parts = [
        part
        for answer in response.json()
        for part in answer["candidates"][0]["content"]["parts"]
    ]
    assert "You wrote: Hello there" in "".join(part["text"] for part in parts)
    assert response.json()[-1]["candidates"][0]["finishReason"] == "STOP"
    assert live.events(project)[0].streamed


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("fault", ["error-midstream-8", "truncate-8"])
def test_an_array_that_fails_ends_with_the_error(
    http: httpx.Client,
    live: LiveGateway,
    upstream: Simulator,
    protocol: str,
    fault: str,
) -> None:
    model = offered(live, upstream, protocol, f"sim-fault-{fault}-pace-3")

    *before, last = stream(http, model).json()

    assert before
    assert [*last] == ["error"]
    assert last["error"]["code"] >= 500


def test_what_fails_before_its_first_content_is_no_array(
    http: httpx.Client, live: LiveGateway, upstream: Simulator
) -> None:
    model = offered(live, upstream, "gemini_generate", "sim-fault-400")

    response = stream(http, model)

    assert response.status_code == 400
    assert response.json()["error"]["status"] == "INVALID_ARGUMENT"


class Scripted:
    """A stream of these pieces."""

    keepalive = b"data: {}\n\n"

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = pieces
        self.closed = False

    async def events(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece

    def break_off(self, refusal: Refusal) -> bytes:
        return b'data: {"error":{"code":%d}}\n\n' % refusal.status_code

    def close(self) -> None:
        self.closed = True


async def _read(stream: ArrayStream) -> list[bytes]:
    return [piece async for piece in stream.events()]


@pytest.mark.parametrize(
    ("pieces", "told"),
    [
        ([], []),
        ([b'data: {"a":1}\n\n'], [{"a": 1}]),
        ([b'data: {"a":1}\r\n\r\ndata: {"a":2}\r\n\r\n'], [{"a": 1}, {"a": 2}]),
        (
            [b": note\n\n", b'data: {"a":1}\n\n', b'data: {"a":2}\n\n'],
            [{"a": 1}, {"a": 2}],
        ),
    ],
)
def test_events_become_elements(pieces: list[bytes], told: list[Any]) -> None:
    array = ArrayStream(Scripted(*pieces))

    written = asyncio.run(_read(array))

    assert json.loads(b"".join(written)) == told
    assert json.loads(array.keepalive.join(written)) == told


def test_a_stream_that_is_broken_off_is_still_an_array() -> None:
    async def first_then_broken() -> bytes:
        array = ArrayStream(Scripted(b'data: {"a":1}\n\n', b'data: {"a":2}\n\n'))
        events = array.events()
        return await anext(events) + array.break_off(Draining())

    broken = asyncio.run(first_then_broken())

    assert json.loads(broken) == [{"a": 1}, {"error": {"code": 503}}]
    assert json.loads(ArrayStream(Scripted()).break_off(Draining())) == [
        {"error": {"code": 503}}
    ]
    scripted = Scripted()
    ArrayStream(scripted).close()
    assert scripted.closed
