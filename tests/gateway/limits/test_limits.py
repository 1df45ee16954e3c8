"""Limits decided by a real Redis."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
import redis
from django.conf import settings

from gateway.limits import limiter as limits
from gateway.limits import local as local_limits
from gateway.limits.claims import Claim, Verdict
from gateway.limits.limiter import KEY_PREFIX, Limiter
from tests.gateway.redis_stand import OwnRedis, gate_before, own_redis, started

# Long enough for a busy machine; what happens after 50 ms is tested apart.
PATIENT_S = 5.0


@pytest.fixture
def project() -> str:
    return f"{{p{uuid.uuid4().hex}}}"


@pytest.fixture(scope="module")
def server() -> Iterator[OwnRedis]:
    with own_redis() as server:
        yield server


@pytest.fixture
def client() -> "Iterator[redis.Redis[bytes]]":
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        yield client


@pytest_asyncio.fixture
async def limiter() -> AsyncIterator[Limiter]:
    limiter = Limiter(settings.REDIS_URL, processes=1, answer_s=PATIENT_S)
    await limiter.start()
    yield limiter
    await limiter.stop()


def requests(project: str, amount: int, per_s: int = 3600) -> Claim:
    return Claim(f"{project}:requests:{per_s}", "requests", amount, per_s, 1)


def tokens(project: str, amount: int, cost: int, per_s: int = 3600) -> Claim:
    return Claim(f"{project}:tokens:{per_s}", "tokens", amount, per_s, cost)


def concurrency(project: str, amount: int) -> Claim:
    return Claim(f"{project}:concurrency", "concurrency", amount, 0, 1)


async def settled(limiter: Limiter, verdict: Verdict, used: int) -> None:
    """Settle and wait until Redis has it."""
    assert verdict.lease is not None
    limiter.settle(verdict.lease, used)
    await everything_sent(limiter)


async def everything_sent(limiter: Limiter) -> None:
    await asyncio.sleep(0)
    while limiter._settlements or limiter.link._later:
        await asyncio.sleep(0.005)
    assert limiter.link._connection is not None
    await limiter.link._connection.drained()


async def tokens_left(limiter: Limiter, project: str, amount: int) -> int:
    verdict = await limiter.admit([tokens(project, amount, 0)], "look")
    return verdict.remaining["tokens"].remaining


@pytest.mark.asyncio
async def test_a_limit_admits_its_amount_and_refuses_the_next(
    limiter: Limiter, project: str
) -> None:
    verdicts = [
        await limiter.admit([requests(project, 5)], f"r{number}") for number in range(6)
    ]

    assert [verdict.allowed for verdict in verdicts] == [True] * 5 + [False]
    assert [v.remaining["requests"].remaining for v in verdicts] == [4, 3, 2, 1, 0, 0]
    assert verdicts[5].refused == requests(project, 5)
    assert verdicts[5].retry_after_s == pytest.approx(720, abs=5)
    assert not any(verdict.degraded for verdict in verdicts)


@pytest.mark.asyncio
async def test_after_retry_after_the_request_is_admitted(
    limiter: Limiter, project: str
) -> None:
    claims = [requests(project, 4, per_s=1)]
    while (verdict := await limiter.admit(claims, "r")).allowed:
        pass

    await asyncio.sleep(verdict.retry_after_s)

    assert (await limiter.admit(claims, "r")).allowed


@pytest.mark.asyncio
async def test_nothing_is_charged_unless_every_claim_is_admitted(
    limiter: Limiter, project: str
) -> None:
    room, full = tokens(project, 1000, 100), requests(project, 1)
    await limiter.admit([full], "first")

    verdict = await limiter.admit([room, concurrency(project, 1), full], "second")

    assert not verdict.allowed
    assert verdict.refused == full
    assert verdict.remaining["tokens"].remaining == 1000
    assert (await limiter.admit([concurrency(project, 1)], "third")).allowed
    assert await tokens_left(limiter, project, 1000) == 1000


@pytest.mark.asyncio
@pytest.mark.parametrize(("used", "left"), [(40, 960), (100, 900), (250, 750)])
async def test_tokens_are_corrected_to_what_was_used(
    limiter: Limiter, project: str, used: int, left: int
) -> None:
    verdict = await limiter.admit([tokens(project, 1000, 100)], "r")

    await settled(limiter, verdict, used)

    assert await tokens_left(limiter, project, 1000) == left


@pytest.mark.asyncio
async def test_tokens_used_beyond_the_limit_are_a_debt(
    limiter: Limiter, project: str
) -> None:
    verdict = await limiter.admit([tokens(project, 3600, 100)], "r")

    await settled(limiter, verdict, 5000)

    refused = await limiter.admit([tokens(project, 3600, 1)], "r")
    assert refused.retry_after_s == pytest.approx(1401, abs=5)


@pytest.mark.asyncio
async def test_a_settlement_counts_once(limiter: Limiter, project: str) -> None:
    verdict = await limiter.admit([tokens(project, 1000, 100)], "r")

    await settled(limiter, verdict, 300)
    await settled(limiter, verdict, 300)

    assert await tokens_left(limiter, project, 1000) == 700


@pytest.mark.asyncio
async def test_a_running_request_holds_its_place_until_it_is_settled(
    limiter: Limiter, project: str
) -> None:
    first = await limiter.admit([concurrency(project, 2)], "first")
    await limiter.admit([concurrency(project, 2)], "second")
    refused = await limiter.admit([concurrency(project, 2)], "third")
    assert not refused.allowed
    assert refused.retry_after_s == local_limits.CONCURRENCY_RETRY_S

    await settled(limiter, first, 0)

    assert (await limiter.admit([concurrency(project, 2)], "third")).allowed


@pytest.mark.asyncio
async def test_the_place_of_a_dead_process_comes_back(
    limiter: Limiter, project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "LEASE_SECONDS", 0.2)
    await limiter.admit([concurrency(project, 1)], "killed")
    assert not (await limiter.admit([concurrency(project, 1)], "next")).allowed

    await asyncio.sleep(0.25)

    assert (await limiter.admit([concurrency(project, 1)], "next")).allowed


@pytest.mark.asyncio
async def test_a_long_request_keeps_its_place(
    project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "LEASE_SECONDS", 1.0)
    monkeypatch.setattr(limits, "RENEW_SECONDS", 0.1)
    monkeypatch.setattr(limits, "HEARTBEAT_SECONDS", 0.05)
    async with started(
        Limiter(settings.REDIS_URL, processes=1, answer_s=PATIENT_S)
    ) as limiter:
        await limiter.admit([concurrency(project, 1)], "long")

        await asyncio.sleep(1.5)

        assert not (await limiter.admit([concurrency(project, 1)], "next")).allowed


@pytest.mark.asyncio
async def test_a_request_that_is_cancelled_while_it_asks_leaves_nothing_behind(
    server: OwnRedis, project: str
) -> None:
    async with (
        gate_before(server) as gate,
        started(Limiter(gate.url, processes=1, answer_s=PATIENT_S)) as limiter,
    ):
        gate.hold()
        claims = [tokens(project, 1000, 100), concurrency(project, 1)]
        asking = asyncio.create_task(limiter.admit(claims, "gone"))
        await asyncio.sleep(0.02)

        asking.cancel()
        gate.release()
        await asyncio.gather(asking, return_exceptions=True)
        await asyncio.sleep(0.05)
        await everything_sent(limiter)

        assert (await limiter.admit([concurrency(project, 1)], "next")).allowed
        assert await tokens_left(limiter, project, 1000) == 1000


@pytest.mark.asyncio
@pytest.mark.parametrize("is_decided", [False, True], ids=["under way", "decided"])
async def test_a_decision_that_is_given_up_leaves_nothing_behind(
    server: OwnRedis, project: str, *, is_decided: bool
) -> None:
    async with started(Limiter(server.url, processes=1, answer_s=PATIENT_S)) as limiter:
        asked = limiter.ask(
            [tokens(project, 1000, 100), concurrency(project, 1)], "gone"
        )
        if is_decided:
            await asyncio.sleep(0.05)

        asked.give_up()
        await asyncio.sleep(0.05)
        await everything_sent(limiter)

        assert (await limiter.admit([concurrency(project, 1)], "next")).allowed
        assert await tokens_left(limiter, project, 1000) == 1000


@pytest.mark.asyncio
async def test_a_decision_is_on_its_way_before_it_is_waited_for(
    server: OwnRedis, project: str
) -> None:
    async with started(Limiter(server.url, processes=1, answer_s=PATIENT_S)) as limiter:
        await everything_sent(limiter)
        calls = server.calls_of("evalsha")

        asked = limiter.ask([requests(project, 1)], "r")
        # The event loop gets no turn meanwhile.
        deadline = time.monotonic() + PATIENT_S
        while server.calls_of("evalsha") == calls and time.monotonic() < deadline:
            pass

        assert server.calls_of("evalsha") == calls + 1
        assert (await asked.verdict()).allowed
        assert not (await limiter.admit([requests(project, 1)], "r")).allowed


@pytest.mark.asyncio
async def test_a_request_is_decided_on_in_one_command(
    server: OwnRedis, project: str
) -> None:
    async with started(Limiter(server.url, processes=1, answer_s=PATIENT_S)) as limiter:
        await everything_sent(limiter)
        calls, writes = server.calls_of("evalsha"), limiter.link.writes

        await limiter.admit(
            [requests(project, 9), tokens(project, 9, 1), concurrency(project, 9)], "r"
        )

        assert server.calls_of("evalsha") == calls + 1
        assert limiter.link.writes == writes + 1


@pytest.mark.asyncio
async def test_requests_of_one_turn_share_a_write_while_the_first_is_decided_on(
    server: OwnRedis, project: str
) -> None:
    async with started(Limiter(server.url, processes=1, answer_s=PATIENT_S)) as limiter:
        await everything_sent(limiter)
        calls, writes = server.calls_of("evalsha"), limiter.link.writes

        verdicts = await asyncio.gather(
            *[
                limiter.admit([requests(project, 50)], f"r{number}")
                for number in range(64)
            ]
        )

        assert limiter.link.writes == writes + 2
        assert server.calls_of("evalsha") == calls + 64
        assert sum(verdict.allowed for verdict in verdicts) == 50


@pytest.mark.asyncio
async def test_without_limits_redis_is_not_asked(limiter: Limiter) -> None:
    await everything_sent(limiter)
    writes = limiter.link.writes

    verdict = await limiter.admit([], "r")

    assert verdict.allowed
    assert verdict.lease is None
    assert limiter.link.writes == writes


@pytest.mark.asyncio
async def test_every_key_has_a_lifetime(
    limiter: Limiter, client: "redis.Redis[bytes]", project: str
) -> None:
    claims = [requests(project, 9), tokens(project, 900, 50), concurrency(project, 9)]
    verdict = await limiter.admit(claims, "settled")
    await settled(limiter, verdict, 700)
    await limiter.admit(claims, "running")

    keys = list(client.scan_iter(f"{KEY_PREFIX}*", count=1000))

    assert len([key for key in keys if project in key.decode()]) == 3
    assert all(client.pttl(key) != -1 for key in keys)


@pytest.mark.asyncio
async def test_live_processes_are_counted(
    server: OwnRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "HEARTBEAT_SECONDS", 0.02)
    first = Limiter(server.url, processes=7, answer_s=PATIENT_S)
    second = Limiter(server.url, processes=7, answer_s=PATIENT_S)

    await first.start()
    await second.start()
    await asyncio.sleep(0.2)
    assert (first.processes, second.processes) == (2, 2)

    await second.stop()
    await asyncio.sleep(0.2)
    assert first.processes == 1
    await first.stop()
