"""Requests that carry a key."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.gateway.asking import HELLO, PATH
from tests.gateway.conftest import Offer
from tests.gateway.neighbour import neighbour, running_neighbour  # noqa: F401

Send = Callable[..., httpx.Response]


@pytest.fixture
def fast(offer: Offer) -> None:
    offer("sim-chat")


@pytest.fixture
def send(http: httpx.Client) -> Send:
    """Ask in OpenAI's dialect with an `Idempotency-Key`; fields go into the body."""

    def send(key: str = "order-1", url: str = "", **fields: Any) -> httpx.Response:
        headers = {"idempotency-key": key}
        body = {"model": "fast", "messages": HELLO, **fields}
        return http.post(url + PATH, json=body, headers=headers)

    return send


def is_replay(reply: httpx.Response) -> bool:
    assert reply.status_code == 200, reply.text
    return "idempotent-replayed" in reply.headers


def code_of(reply: httpx.Response) -> tuple[int, str]:
    """Return status and code of a refusal in OpenAI's shape."""
    return reply.status_code, reply.json()["error"]["code"]
