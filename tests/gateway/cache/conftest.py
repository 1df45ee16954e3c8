"""A project whose answers are kept, and requests that are settled enough for that."""

from collections.abc import Callable, Iterator
from typing import Any, cast

import httpx
import pytest
import redis
from django.conf import settings

from tenants.models import ApiKey, Project
from tests.gateway.asking import HELLO, PATH
from tests.gateway.conftest import Offer
from tests.gateway.live import LiveGateway
from tests.gateway.neighbour import neighbour, running_neighbour  # noqa: F401

Ask = Callable[..., httpx.Response]


@pytest.fixture
def project(project: Project) -> Project:
    project.cache = {"enabled": True, "ttl_s": 3_600}
    project.save()
    return project


@pytest.fixture
def fast(offer: Offer) -> None:
    offer("sim-chat")


@pytest.fixture
def ask(http: httpx.Client) -> Ask:
    """Ask in OpenAI's dialect; fields go into the body."""

    def ask(cache: str | None = None, **fields: Any) -> httpx.Response:
        headers = {} if cache is None else {"x-signalbox-cache": cache}
        body = {"model": "fast", "messages": HELLO, "max_tokens": 50, **fields}
        return http.post(PATH, json=body, headers=headers)

    return ask


@pytest.fixture
def other_http(live: LiveGateway, other_project: Project) -> Iterator[httpx.Client]:
    other_project.cache = {"enabled": True, "ttl_s": 3_600}
    other_project.save()
    _, text = ApiKey.issue(other_project, "test")
    headers = {"authorization": f"Bearer {text}"}
    with httpx.Client(base_url=live.url, headers=headers, timeout=10) as http:
        yield http


def cache_of(reply: httpx.Response) -> str:
    assert reply.status_code == 200, reply.text
    return reply.headers["x-signalbox-cache"]


@pytest.fixture
def redis_client() -> "Iterator[redis.Redis[bytes]]":
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        yield client


@pytest.fixture
def redis_names(redis_client: "redis.Redis[bytes]") -> Callable[[], list[str]]:
    """Return the names of the answers in Redis."""

    def names() -> list[str]:
        return [name.decode() for name in redis_client.scan_iter("sb:cache:*}")]

    return names


@pytest.fixture
def flush_answers(
    redis_client: "redis.Redis[bytes]", redis_names: Callable[[], list[str]]
) -> Callable[[], None]:
    def flush() -> None:
        redis_client.delete(*redis_names())

    return flush


@pytest.fixture
def tamper(
    redis_client: "redis.Redis[bytes]", redis_names: Callable[[], list[str]]
) -> Callable[[], None]:
    """Change the last byte of every answer in Redis."""

    def change() -> None:
        for name in redis_names():
            sealed = cast("bytes", redis_client.get(name))
            redis_client.set(name, sealed[:-1] + bytes([sealed[-1] ^ 1]), keepttl=True)

    return change
