"""Limits while Redis is slow, frozen, gone, emptied or back again."""

import asyncio
import time
from collections.abc import Iterator

import pytest

from gateway.limits.claims import Claim, Verdict
from gateway.limits.limiter import KEY_PREFIX, Limiter
from gateway.redis import link as redis_link
from tests.gateway.redis_stand import OwnRedis, gate_before, own_redis, started

REQUESTS = Claim("{p1}:requests:3600", "requests", 100, 3600, 1)
RUNNING = Claim("{p1}:concurrency", "concurrency", 4, 0, 1)


@pytest.fixture
def server() -> Iterator[OwnRedis]:
    with own_redis() as server:
        yield server


async def timed(limiter: Limiter, lease_id: str) -> tuple[float, Verdict]:
    started = time.perf_counter()
    verdict = await limiter.admit([REQUESTS], lease_id)
    return time.perf_counter() - started, verdict


async def until_decided_by_redis(limiter: Limiter, within_s: float) -> Verdict:
    async with asyncio.timeout(within_s):
        while (verdict := await limiter.admit([REQUESTS], "probe")).degraded:
            await asyncio.sleep(0.02)
    return verdict


@pytest.mark.asyncio
async def test_a_frozen_redis_delays_only_what_is_under_way_and_is_found_again(
    server: OwnRedis,
) -> None:
    async with started(Limiter(server.url, processes=1)) as limiter:
        await until_decided_by_redis(limiter, 5)

        server.freeze()
        under_way = await asyncio.gather(*[timed(limiter, f"a{n}") for n in range(10)])
        after = [await timed(limiter, f"b{n}") for n in range(50)]
        await asyncio.sleep(1.5)
        breaker = limiter.link.breaker
        server.thaw()
        thawed_at = time.perf_counter()
        await until_decided_by_redis(limiter, 10)

        verdicts = [verdict for _, verdict in under_way + after]
        assert all(verdict.allowed and verdict.degraded for verdict in verdicts)
        # 60 ms, and what a busy machine adds.
        assert max(seconds for seconds, _ in under_way) < 0.25
        assert sorted(seconds for seconds, _ in after)[45] < 0.005
        assert breaker == "open"
        assert limiter.link.times_opened == 1
        assert limiter.degraded_decisions >= 60
        assert time.perf_counter() - thawed_at < 6
        assert limiter.link.breaker == "closed"


@pytest.mark.asyncio
async def test_a_restarted_redis_is_used_again(
    server: OwnRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_link, "OPEN_SECONDS", 0.2)
    async with started(Limiter(server.url, processes=1)) as limiter:
        running = await limiter.admit([RUNNING], "running")

        server.kill()
        verdicts = [await limiter.admit([REQUESTS], f"r{n}") for n in range(20)]
        assert running.lease is not None
        limiter.settle(running.lease, 0)
        await asyncio.sleep(0.7)
        assert limiter.link.breaker == "open"
        server.start()
        await until_decided_by_redis(limiter, 5)

        assert all(verdict.allowed for verdict in verdicts)


@pytest.mark.asyncio
async def test_a_redis_that_was_never_there_fails_nothing() -> None:
    limiter = Limiter("unix:///nowhere/redis.sock?db=0", processes=4)

    started = time.perf_counter()
    await limiter.start()
    verdicts = [await limiter.admit([REQUESTS], f"r{n}") for n in range(100)]
    for verdict in verdicts:
        if verdict.lease is not None:
            limiter.settle(verdict.lease, 0)
    await limiter.stop()

    assert time.perf_counter() - started < 2
    assert all(verdict.degraded for verdict in verdicts)
    assert sum(verdict.allowed for verdict in verdicts) == 100 // 4


@pytest.mark.asyncio
async def test_what_redis_counted_still_counts_without_it(server: OwnRedis) -> None:
    async with started(Limiter(server.url, processes=1, answer_s=1)) as limiter:
        for number in range(60):
            await limiter.admit([REQUESTS], f"r{number}")
            verdict = await limiter.admit([RUNNING], f"c{number}")
            assert verdict.allowed == (number < 4)

        server.kill()
        await asyncio.sleep(0.05)
        verdicts = [await limiter.admit([REQUESTS], f"r{n}") for n in range(60)]

        assert sum(verdict.allowed for verdict in verdicts) == 40
        assert not (await limiter.admit([RUNNING], "one too many")).allowed


@pytest.mark.asyncio
async def test_limits_start_anew_when_redis_is_emptied(server: OwnRedis) -> None:
    async with started(Limiter(server.url, processes=1, answer_s=5)) as limiter:
        running = await limiter.admit([RUNNING, REQUESTS], "r")

        server.client.flushall()
        server.client.script_flush()
        verdict = await limiter.admit([REQUESTS], "r")

        assert verdict.remaining["requests"].remaining == 99
        assert not verdict.degraded
        assert running.lease is not None
        limiter.settle(running.lease, 0)
        assert limiter.degraded_decisions == 0


@pytest.mark.asyncio
async def test_a_late_answer_is_never_taken_for_anothers(server: OwnRedis) -> None:
    async with (
        gate_before(server) as gate,
        started(Limiter(gate.url, processes=1)) as limiter,
    ):
        await until_decided_by_redis(limiter, 5)
        other = Claim("{p2}:requests:60", "requests", 7, 60, 1)

        gate.hold()
        given_up = await limiter.admit([REQUESTS, RUNNING], "late")
        gate.release()
        await until_decided_by_redis(limiter, 5)
        verdict = await limiter.admit([other], "next")

        assert given_up.degraded
        left = verdict.remaining["requests"]
        assert (left.limit, left.remaining) == (7, 6)


@pytest.mark.asyncio
async def test_a_place_granted_too_late_is_given_back(server: OwnRedis) -> None:
    async with (
        gate_before(server) as gate,
        started(Limiter(gate.url, processes=1)) as limiter,
    ):
        await until_decided_by_redis(limiter, 5)

        gate.hold()
        await limiter.admit([RUNNING], "late")
        assert server.client.zcard(KEY_PREFIX + RUNNING.key) == 1
        gate.release()
        await until_decided_by_redis(limiter, 5)
        await asyncio.sleep(0.05)

        assert server.client.zcard(KEY_PREFIX + RUNNING.key) == 0


@pytest.mark.asyncio
async def test_a_redis_that_answers_with_errors_is_left_alone(server: OwnRedis) -> None:
    server.client.config_set("maxmemory", "1")
    async with started(Limiter(server.url, processes=1, answer_s=5)) as limiter:
        verdicts = [await limiter.admit([REQUESTS], f"r{n}") for n in range(120)]

        assert all(verdict.degraded for verdict in verdicts)
        assert sum(verdict.allowed for verdict in verdicts) == 100
        assert limiter.link.breaker == "open"
