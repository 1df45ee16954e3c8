"""Limits in shadow mode: they count what they would have refused, and refuse nothing."""

import uuid
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
import redis
from django.conf import settings

from gateway.limits.claims import Claim, Verdict
from gateway.limits.limiter import KEY_PREFIX, Limiter
from gateway.limits.local import LocalLimits

PATIENT_S = 5.0


@pytest.fixture
def project() -> str:
    return f"{{p{uuid.uuid4().hex}}}"


@pytest_asyncio.fixture
async def limiter() -> AsyncIterator[Limiter]:
    limiter = Limiter(settings.REDIS_URL, processes=1, answer_s=PATIENT_S)
    await limiter.start()
    yield limiter
    await limiter.stop()


def requests(project: str, amount: int, shadow_of: int = 0) -> Claim:
    name = f"{project}:{shadow_of}:requests:3600"
    return Claim(name, "requests", amount, 3600, 1, shadow_of)


def running(project: str, amount: int, shadow_of: int = 0) -> Claim:
    return Claim(
        f"{project}:{shadow_of}:running", "concurrency", amount, 0, 1, shadow_of
    )


@pytest.mark.asyncio
async def test_what_it_would_have_refused_goes_on_and_is_told(
    limiter: Limiter, project: str
) -> None:
    claims = [requests(project, 100), requests(project, 2, shadow_of=7)]

    verdicts = [await limiter.admit(claims, str(at)) for at in range(4)]

    assert all(verdict.allowed for verdict in verdicts)
    assert [verdict.exceeded for verdict in verdicts] == [(), (), (7,), (7,)]
    assert limiter.refusals == 0


@pytest.mark.asyncio
async def test_headers_show_the_tightest_of_those_that_refuse(
    limiter: Limiter, project: str
) -> None:
    claims = [requests(project, 100), requests(project, 2, shadow_of=7)]

    for at in range(3):
        verdict = await limiter.admit(claims, str(at))

    assert verdict.remaining["requests"].limit == 100
    assert verdict.remaining["requests"].remaining == 97


@pytest.mark.asyncio
async def test_a_refusal_of_another_limit_charges_and_counts_nothing(
    limiter: Limiter, project: str
) -> None:
    claims = [requests(project, 1), requests(project, 1, shadow_of=7)]
    await limiter.admit(claims, "first")

    refused = await limiter.admit(claims, "second")

    assert not refused.allowed
    assert refused.refused == claims[0]
    assert refused.exceeded == ()


@pytest.mark.asyncio
async def test_running_requests_above_it_hold_no_lease_of_it(
    limiter: Limiter, project: str
) -> None:
    claims = [running(project, 1, shadow_of=7)]
    first = await limiter.admit(claims, "first")
    second = await limiter.admit(claims, "second")

    assert (first.exceeded, second.exceeded) == ((), (7,))
    assert first.lease is not None
    assert second.lease is None
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        assert client.zcard(KEY_PREFIX + claims[0].key) == 1
    limiter.settle(first.lease, 0)


def admitted(local: LocalLimits, claims: list[Claim], at: int) -> Verdict:
    return local.admit(claims, str(at), 1)


def test_without_redis_it_refuses_nothing_either() -> None:
    local = LocalLimits()
    claims = [requests("p", 3), requests("p", 1, shadow_of=7), running("p", 1, 8)]

    verdicts = [admitted(local, claims, at) for at in range(4)]

    assert [verdict.allowed for verdict in verdicts] == [True, True, True, False]
    assert [verdict.exceeded for verdict in verdicts] == [(), (7, 8), (7, 8), ()]
    assert verdicts[0].lease is not None
    assert verdicts[1].lease is None
    local.release(verdicts[0].lease)
    assert 8 not in admitted(LocalLimits(), claims, 5).exceeded
