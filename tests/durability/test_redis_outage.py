"""Redis freezes or dies: requests go on under local limits, at their usual pace."""

import signal
import time
from collections.abc import Callable

import pytest

from gateway.limits.limiter import HEARTBEAT_SECONDS
from tests.durability.bills import check_exact, check_nothing_left, wait_until_stored
from tests.durability.conftest import Note
from tests.durability.load import Answer, Load, percentile
from tests.durability.stand import Stand, stand, until
from tests.durability.test_postgres_outage import ask

BACK_SECONDS = 6.0
ADDED_SECONDS = 0.05
# On a machine that does other things, too.
SLACK_SECONDS = 0.2


def test_requests_go_on_while_redis_is_frozen_for_four_seconds(
    quick_stand: Stand, note: Note
) -> None:
    added = without_redis(
        quick_stand, 4.0, 150, quick_stand.redis.freeze, quick_stand.redis.thaw, note
    )

    assert added < ADDED_SECONDS + SLACK_SECONDS


def test_requests_go_on_while_redis_is_killed_and_started_again(
    quick_stand: Stand, note: Note
) -> None:
    added = without_redis(
        quick_stand, 2.0, 150, kill(quick_stand), quick_stand.redis.start, note
    )

    assert added < ADDED_SECONDS + SLACK_SECONDS


@pytest.mark.long
@pytest.mark.timeout(600)
def test_requests_go_on_while_redis_is_frozen_for_half_a_minute(note: Note) -> None:
    with stand(throwaway=False) as made:
        added = without_redis(made, 30.0, 300, made.redis.freeze, made.redis.thaw, note)
        check_nothing_left(made, sockets_within=60.0)

    assert added < ADDED_SECONDS


@pytest.mark.long
@pytest.mark.timeout(600)
def test_requests_go_on_while_redis_is_gone_for_half_a_minute(note: Note) -> None:
    with stand(throwaway=False) as made:
        added = without_redis(made, 30.0, 300, kill(made), made.redis.start, note)

    assert added < ADDED_SECONDS


def kill(made: Stand) -> Callable[[], None]:
    return lambda: made.redis.stop(signal.SIGKILL)


def without_redis(
    made: Stand,
    seconds: float,
    rate: int,
    take_away: Callable[[], None],
    bring_back: Callable[[], None],
    note: Note,
) -> float:
    """Take Redis away under load and back; return what was added at the p99."""
    key = made.console.new_key()
    few = [("requests", 10, "day")]
    limited = made.console.new_key(f"limited-{time.time_ns()}", few)

    with Load(made.urls, key, rate=rate, streams=4) as load:
        # By then each process has counted the others twice.
        time.sleep(max(2 * HEARTBEAT_SECONDS + 1, seconds / 3))
        gone = time.monotonic()
        take_away()
        time.sleep(seconds / 2)
        check_local_limits(made, limited)
        time.sleep(max(0.0, gone + seconds - time.monotonic()))
        bring_back()
        back = time.monotonic()
        until(
            lambda: (
                load.answers[-1].began > back
                and not any(answer.is_local for answer in load.answers[-40:])
            ),
            at_most=BACK_SECONDS + 2,
        )
        until_shared = time.monotonic() - back
    wait_until_stored(made, at_most=30)

    bad = [answer for answer in load.answers if not answer.went_well]
    assert not bad, bad[:3]
    before, during = load.between(0, gone), load.between(gone, back)
    assert not any(answer.is_local for answer in before)
    assert sum(answer.is_local for answer in during) > 0.8 * len(during)
    last_local = max(a.began for a in load.answers if a.is_local)
    assert last_local - back < BACK_SECONDS
    check_exact(made)
    check_nothing_left(made, leases_within=75.0)
    added = p99_of(during) - p99_of(before)
    note("without Redis for s", round(back - gone, 1))
    note("requests (failed)", (len(load.answers), len(bad)))
    note("p99 ms before", round(p99_of(before) * 1000, 1))
    note("p99 ms without", round(p99_of(during) * 1000, 1))
    note("max ms without", round(max(a.seconds for a in plain(during)) * 1000, 1))
    note("back at Redis after s", round(last_local - back, 2))
    note("all answers from Redis after s", round(until_shared, 2))
    return added


def check_local_limits(made: Stand, key: str) -> None:
    """Ten a day over two processes are five for each of them."""
    for web in made.webs:
        answers = [ask(web, key) for _ in range(12)]
        assert [a.status_code for a in answers].count(200) == 5
        assert all(a.status_code in {200, 429} for a in answers)
        assert all(a.headers["x-signalbox-limits"] == "local" for a in answers)


def plain(answers: list[Answer]) -> list[Answer]:
    return [answer for answer in answers if not answer.streamed]


def p99_of(answers: list[Answer]) -> float:
    return percentile([answer.seconds for answer in plain(answers)], 0.99)
