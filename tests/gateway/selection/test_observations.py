"""How quickly models answer, as all processes together have seen it."""

import asyncio
from collections.abc import Callable

import pytest
import redis
from django.conf import settings

from gateway.redis.link import RedisLink
from gateway.selection.observation_sharing import SHARE, ObservationSharing
from gateway.selection.observations import Observations, Sums

A_WHILE = 250


def seen(*answers: tuple[int, float, float | None]) -> Observations:
    observations = Observations()
    for tokens, latency_ms, first_ms in answers:
        observations.note("sim/a", tokens, latency_ms, first_ms)
    return observations


def test_nothing_is_known_of_who_was_never_asked() -> None:
    assert Observations().of("sim/a") is None


def test_streams_tell_the_first_token_and_the_speed() -> None:
    found = seen((100, 1_200.0, 200.0), (300, 3_200.0, 200.0)).of("sim/a")

    assert found is not None
    assert found.first_token_ms == pytest.approx(200)
    assert found.ms_per_token == pytest.approx(10, rel=0.01)
    assert found.ms_for(50) == pytest.approx(700, rel=0.01)


def test_whole_answers_of_several_lengths_tell_the_same() -> None:
    answers = [(tokens, 200.0 + 10 * tokens, None) for tokens in (20, 100, 300)]

    found = seen(*answers).of("sim/a")

    assert found is not None
    assert found.first_token_ms is None
    assert found.ms_for(0) == pytest.approx(200, rel=0.05)
    assert found.ms_for(200) == pytest.approx(2_200, rel=0.02)


def test_answers_of_one_length_take_as_long_as_they_took() -> None:
    found = seen((50, 400.0, None), (50, 600.0, None)).of("sim/a")

    assert found is not None
    assert found.ms_for(5) == found.ms_for(500) == pytest.approx(500, rel=0.02)


def test_more_tokens_never_take_less_time() -> None:
    found = seen((500, 100.0, None), (10, 900.0, None)).of("sim/a")

    assert found is not None
    assert found.ms_per_token == 0


def test_old_answers_count_less_and_less() -> None:
    observations = seen(*[(50, 5_000.0, None)] * 50)
    for _ in range(A_WHILE):
        observations.note("sim/a", 50, 100.0, None)

    found = observations.of("sim/a")

    assert found is not None
    assert found.ms_for(50) < 150


def test_what_was_seen_long_ago_is_forgotten() -> None:
    observations = seen((50, 400.0, None))
    for _ in range(A_WHILE):
        observations.fade()

    assert observations.of("sim/a") is None
    assert not observations.own()


def test_what_others_have_seen_counts_as_much() -> None:
    observations = seen((50, 100.0, None))
    other = Sums()
    other.add(50, 300.0)

    observations.share([{"sim/a": other, "sim/b": other}])

    here, there = observations.of("sim/a"), observations.of("sim/b")
    assert here is not None
    assert there is not None
    assert here.ms_for(50) == pytest.approx(200)
    assert there.ms_for(50) == pytest.approx(300)


def test_memory_is_bounded() -> None:
    observations = Observations()
    for number in range(3_000):
        observations.note(f"sim/{number}", 1, 1.0, None)
        observations.of(f"sim/{number}")

    assert len(observations.own()) <= 1_000


@pytest.mark.asyncio
async def test_processes_tell_one_another_through_redis() -> None:
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        client.delete("sb:observations")
    first, second = seen((50, 100.0, None)), Observations()
    links = [RedisLink(settings.REDIS_URL, [SHARE], answer_s=5.0) for _ in range(2)]
    for link in links:
        await link.start()
    one = ObservationSharing(first, links[0])
    two = ObservationSharing(second, links[1])
    try:
        one.share()
        await until(lambda: not links[0]._later)
        await asyncio.sleep(0.05)
        two.share()
        await until(lambda: second.of("sim/a") is not None)
        await one.stop()
        await asyncio.sleep(0.05)
        two.share()
        await until(lambda: second.of("sim/a") is None)
    finally:
        await two.stop()
        for link in links:
            await link.stop()


@pytest.mark.asyncio
async def test_without_redis_each_goes_by_what_it_has_seen_itself() -> None:
    observations = seen((50, 100.0, None))
    other = Sums()
    other.add(50, 900.0)
    observations.share([{"sim/a": other}])
    link = RedisLink("redis://127.0.0.1:1")

    ObservationSharing(observations, link).share()

    found = observations.of("sim/a")
    assert found is not None
    assert found.ms_for(50) == pytest.approx(100)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.005)
