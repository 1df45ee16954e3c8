"""What a credential may be asked for, as all processes together have asked."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
import redis
from django.conf import settings

from gateway.attempts import Attempt
from gateway.configuration.records import Caps, CredentialRecord
from gateway.limits.limiter import Limiter
from gateway.resilience.cap_sharing import CapSharing
from gateway.resilience.caps import CapBook, CapState, Hold
from tenants.encryption import Secret
from usage.tokens import Tokens

NOW = 1_000.0


@dataclass
class Settled:
    """An attempt that has used so many tokens."""

    tokens: Tokens = field(default_factory=Tokens)


def attempt(used: int = 0) -> Attempt:
    return cast(Attempt, Settled(Tokens(input=used)))


def credential(pk: int = 1, **caps: int) -> CredentialRecord:
    every: dict[str, Any] = {"requests": None, "tokens": None, "concurrency": None}
    return CredentialRecord(pk, Secret("s"), Caps(**{**every, **caps}))


def state_with(book: CapBook | None = None, **caps: int) -> CapState:
    state = (book or CapBook()).of(credential(**caps))
    assert state is not None
    return state


def test_a_credential_without_caps_has_no_state() -> None:
    book = CapBook()

    assert book.of(None) is None
    assert book.of(CredentialRecord(1, Secret("s"))) is None


def test_requests_come_back_evenly() -> None:
    state = state_with(requests=3)

    waits = []
    for _ in range(4):
        waits.append(state.wait(NOW, 0))
        state.begin(NOW, 0, attempt())

    assert waits[:3] == [0, 0, 0]
    assert waits[3] == pytest.approx(20, abs=0.01)
    assert state.wait(NOW + 40.01, 0) == 0


def test_it_is_scarce_before_it_is_used_up() -> None:
    state = state_with(requests=100)
    for _ in range(90):
        state.begin(NOW, 0, attempt())
    was_scarce = state.is_scarce(NOW)
    state.begin(NOW, 0, attempt())

    assert not was_scarce
    assert state.is_scarce(NOW)
    assert state.wait(NOW, 0) == 0
    assert not state.is_scarce(NOW + 10)


def test_tokens_are_charged_by_estimate_and_corrected() -> None:
    state = state_with(tokens=1_000)
    hold = state.begin(NOW, 900, attempt(used=100))
    waited = state.wait(NOW, 500)
    hold.end(NOW)

    assert waited == pytest.approx(24, abs=0.01)
    assert state.wait(NOW, 900) == 0
    assert state.wait(NOW, 901) > 0


def test_a_request_larger_than_the_cap_waits_for_all_of_it() -> None:
    state = state_with(tokens=1_000)

    assert state.wait(NOW, 5_000) == 0
    state.begin(NOW, 1, attempt())
    assert 0 < state.wait(NOW, 5_000) < 1


def test_so_many_run_at_the_same_time() -> None:
    state = state_with(concurrency=2)
    holds: list[Hold] = [state.begin(NOW, 0, attempt()) for _ in range(2)]
    waited = state.wait(NOW, 0)
    holds[0].end(NOW)

    assert waited > 0
    assert state.wait(NOW, 0) == 0


def test_caps_that_change_begin_anew() -> None:
    book = CapBook()
    state_with(book, requests=1).begin(NOW, 0, attempt())

    assert state_with(book, requests=1).wait(NOW, 0) > 0
    assert state_with(book, requests=2).wait(NOW, 0) == 0


def test_without_the_others_each_grants_its_share() -> None:
    book = CapBook()
    book.share = lambda: 4
    state = state_with(book, requests=8, concurrency=4)

    granted = 0
    while state.wait(NOW, 0) == 0 and granted < 10:
        state.begin(NOW, 0, attempt()).end(NOW)
        granted += 1

    assert granted == 2


@asynccontextmanager
async def process(url: str = "") -> AsyncIterator[CapBook]:
    """A process with its own connection to Redis."""
    limiter = Limiter(url or settings.REDIS_URL, processes=2, answer_s=5.0)
    await limiter.start()
    book = CapBook()
    sharing = CapSharing(book, limiter)
    sharing.start()
    try:
        yield book
    finally:
        await sharing.stop()
        await limiter.stop()


@pytest.fixture
def pk() -> int:
    """A credential that nobody was asked with before."""
    pk = time.time_ns() % 10**12
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        assert not client.keys(f"sb:cap:{{c{pk}}}:*")
    return pk


@pytest.mark.asyncio
async def test_what_one_process_asks_for_the_others_do_not(pk: int) -> None:
    record = credential(pk, requests=10, tokens=1_000, concurrency=5)
    async with process() as one, process() as other:
        here, there = one.of(record), other.of(record)
        assert here is not None
        assert there is not None
        there.begin(time.monotonic(), 0, attempt()).end(time.monotonic())
        holds = [here.begin(time.monotonic(), 100, attempt(50)) for _ in range(4)]

        await until(lambda: there.others_running == 4)
        told = there.told(time.monotonic())
        for hold in holds:
            hold.end(time.monotonic())
        await until(lambda: there.others_running == 0)
        after = there.told(time.monotonic())

    assert told["max_concurrency"] == {"cap": 5, "left": 1}
    assert 4 <= told["requests_per_minute"]["left"] <= 6
    assert 580 <= told["tokens_per_minute"]["left"] <= 680
    assert 780 <= after["tokens_per_minute"]["left"] <= 880


@pytest.mark.asyncio
async def test_two_processes_together_stay_at_a_cap(pk: int) -> None:
    record = credential(pk, requests=60)
    begun = 0
    async with process() as one, process() as other:
        ends = time.monotonic() + 1.0
        while time.monotonic() < ends:
            for book in (one, other):
                state = book.of(record)
                assert state is not None
                if state.wait(time.monotonic(), 0) == 0:
                    state.begin(time.monotonic(), 0, attempt()).end(time.monotonic())
                    begun += 1
            await asyncio.sleep(0.002)

    # One comes back in a second; what is begun before the other has heard comes on top.
    # Apart they would begin 122.
    assert 60 <= begun <= 61 + 30


@pytest.mark.asyncio
async def test_what_a_process_held_is_back_when_it_stops(pk: int) -> None:
    record = credential(pk, concurrency=2)
    async with process() as one:
        state = one.of(record)
        assert state is not None
        hold = state.begin(time.monotonic(), 0, attempt())
        await asyncio.sleep(0.05)
        hold.end(time.monotonic())

    with redis.Redis.from_url(settings.REDIS_URL) as client:
        assert not client.hgetall(f"sb:cap:{{c{pk}}}:running")


@pytest.mark.asyncio
async def test_without_redis_a_process_goes_on_by_itself() -> None:
    async with process("redis://127.0.0.1:1") as book:
        state = state_with(book, requests=10)
        for _ in range(5):
            state.begin(time.monotonic(), 0, attempt()).end(time.monotonic())

        assert state.wait(time.monotonic(), 0) > 0


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.005)
