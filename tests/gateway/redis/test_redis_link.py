"""The connection to Redis: how it is made, what it keeps, and whom it blames."""

import asyncio
import socket
import time
from collections.abc import Callable, Iterator

import pytest
import uvloop

from gateway.limits import settlements
from gateway.limits.claims import Claim
from gateway.limits.limiter import KEY_PREFIX, Limiter
from gateway.redis import link as redis_link
from tests.gateway.redis_stand import OwnRedis, own_redis, started

REQUESTS = Claim("{p1}:requests:3600", "requests", 100, 3600, 1)
RUNNING = Claim("{p1}:concurrency", "concurrency", 50_000, 0, 1)


@pytest.fixture
def server() -> Iterator[OwnRedis]:
    with own_redis() as server:
        yield server


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_process_that_was_busy_itself_does_not_blame_redis(
    server: OwnRedis, new_loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    async def ask_and_be_busy() -> None:
        async with started(Limiter(server.url, processes=1)) as limiter:
            while (await limiter.admit([REQUESTS], "first")).degraded:
                await asyncio.sleep(0.01)
            failures = limiter.link.failures
            asking = asyncio.create_task(limiter.admit([REQUESTS], "r"))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            time.sleep(0.2)

            assert not (await asking).degraded
            assert limiter.link.failures == failures

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(ask_and_be_busy())


@pytest.mark.asyncio
async def test_password_and_database_of_the_address_are_used(server: OwnRedis) -> None:
    server.client.config_set("requirepass", "open sesame")
    url = f"unix://:open%20sesame@{server.socket}?db=3"
    async with started(Limiter(url, processes=1, answer_s=5)) as limiter:
        assert not (await limiter.admit([REQUESTS], "r")).degraded

        server.client.execute_command("AUTH", "open sesame")
        assert server.client.info("keyspace")["db3"]["keys"] >= 1


@pytest.mark.asyncio
async def test_a_wrong_password_means_local_limits(server: OwnRedis) -> None:
    server.client.config_set("requirepass", "open sesame")
    url = f"unix://:wrong@{server.socket}"
    async with started(Limiter(url, processes=1, answer_s=5)) as limiter:
        verdict = await limiter.admit([REQUESTS], "r")

        assert verdict.allowed
        assert verdict.degraded


@pytest.mark.asyncio
async def test_redis_is_reached_over_tcp(server: OwnRedis) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server.kill()
    server.start(port)
    url = f"redis://127.0.0.1:{port}/1"
    async with started(Limiter(url, processes=1, answer_s=5)) as limiter:
        assert not (await limiter.admit([REQUESTS], "r")).degraded


@pytest.mark.asyncio
async def test_settlements_wait_for_redis_to_come_back(
    server: OwnRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_link, "OPEN_SECONDS", 0.1)
    async with started(Limiter(server.url, processes=1, answer_s=5)) as limiter:
        verdicts = [await limiter.admit([RUNNING], f"r{n}") for n in range(500)]
        assert server.client.zcard(KEY_PREFIX + RUNNING.key) == 500
        assert limiter.link._connection is not None

        limiter.link.note_lost(limiter.link._connection, failed=True)
        for verdict in verdicts:
            assert verdict.lease is not None
            limiter.settle(verdict.lease, 0)
        async with asyncio.timeout(5):
            while server.client.zcard(KEY_PREFIX + RUNNING.key):
                await asyncio.sleep(0.02)


@pytest.mark.asyncio
async def test_what_waits_for_a_lost_redis_is_bounded() -> None:
    nowhere = Limiter("unix:///nowhere/redis.sock", processes=1)

    for number in range(20_000):
        nowhere._settlements.add(f"r{number}", (RUNNING.key,), ())
        nowhere._settlements.add("r", (), [(REQUESTS, 1)])
    assert len(nowhere._settlements) == settlements._MAX_WAITING + 1
    for _ in range(200):
        nowhere._settlements.add("r", (RUNNING.key,) * 10_000, ())
        nowhere._settlements.send()

    assert len(nowhere.link._later) == redis_link._MAX_LATER
