"""PostgreSQL is away for a while: requests go on, and no event is lost."""

import time
from collections.abc import Callable

import httpx
import pytest

from tests.durability.bills import (
    check_canaries,
    check_exact,
    check_nothing_left,
    wait_until_stored,
)
from tests.durability.conftest import Note
from tests.durability.load import Load, percentile
from tests.durability.stand import Stand, Web, stand, until

BODY = {"model": "quick", "messages": [{"role": "user", "content": "Hello"}]}
CATCH_UP_SECONDS = 30.0


def test_requests_go_on_while_postgres_is_stopped_for_five_seconds(
    quick_stand: Stand, note: Note
) -> None:
    server = quick_stand.postgres

    without_postgres(quick_stand, 5.0, 150, server.stop, server.start, note)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_requests_go_on_while_postgres_is_stopped_for_a_minute(note: Note) -> None:
    with stand(throwaway=False) as made:
        server = made.postgres
        without_postgres(made, 60.0, 300, server.stop, server.start, note)

        check_nothing_left(made, sockets_within=60.0)


def test_requests_go_on_while_postgres_is_frozen(
    quick_stand: Stand, note: Note
) -> None:
    server = quick_stand.postgres

    without_postgres(quick_stand, 6.0, 150, server.freeze, server.thaw, note)


def without_postgres(
    made: Stand,
    seconds: float,
    rate: int,
    take_away: Callable[[], None],
    bring_back: Callable[[], None],
    note: Note,
) -> None:
    key, cold = made.console.new_key(), made.console.new_key()
    for web in made.webs:
        assert ask(web, key).status_code == 200

    with Load(made.urls, key, rate=rate, streams=6) as load:
        time.sleep(2.0)
        stopped = time.monotonic()
        take_away()
        check_cold_key(made.webs[0], cold)
        for web in made.webs:
            # The end of a connection is noticed at once, silence within three seconds.
            until(lambda web=web: web.readiness() == (200, "degraded"), at_most=5)  # type: ignore[misc]
            check_cold_key(web, cold)
        time.sleep(max(0.0, stopped + seconds - time.monotonic()))
        check_canaries(made, key, cold)
        bring_back()
        returned = time.monotonic()
        for web in made.webs:
            until(lambda web=web: web.readiness() == (200, "ready"), at_most=10)  # type: ignore[misc]
        ready_after = time.monotonic() - returned
        assert ask(made.webs[0], cold).status_code == 200
        time.sleep(1.0)
    stored_within = wait_until_stored(made, at_most=CATCH_UP_SECONDS)
    caught_up = time.monotonic() - returned

    bad = [answer for answer in load.answers if not answer.went_well]
    assert not bad, bad[:3]
    assert caught_up < CATCH_UP_SECONDS
    bills = check_exact(made)
    check_nothing_left(made)
    during = load.between(stopped, returned)
    before = load.between(0, stopped)
    note("stopped for s", round(returned - stopped, 1))
    note("requests (failed), streams", (len(load.answers), len(bad)))
    for name, answers in (("before", before), ("during", during)):
        plain = [a.seconds for a in answers if not a.streamed]
        note(f"p99 ms {name}", round(percentile(plain, 0.99) * 1000, 1))
    note("ready again after s", round(ready_after, 2))
    note("caught up after its return within s", round(caught_up, 1))
    note("after the load's end s", round(stored_within, 2))
    note("billable attempts, events", (bills.billable, bills.events))


def check_cold_key(web: Web, key: str) -> None:
    """A key that cannot be checked is not called invalid."""
    began = time.monotonic()
    answer = ask(web, key)
    assert answer.status_code == 503, answer.text
    assert int(answer.headers["retry-after"]) > 0
    assert time.monotonic() - began < 3.0


def ask(web: Web, key: str) -> httpx.Response:
    return httpx.post(
        f"{web.url}/v1/chat/completions",
        json=BODY,
        headers={"authorization": f"Bearer {key}"},
        timeout=10,
    )
