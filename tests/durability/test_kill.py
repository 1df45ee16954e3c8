"""Web processes are killed under load: nothing that a provider bills is lost."""

import random
import time

import pytest

from gateway.limits.limiter import LEASE_SECONDS
from tests.durability.bills import (
    check_canaries,
    check_nothing_left,
    compare,
    wait_until_stored,
)
from tests.durability.conftest import Note
from tests.durability.load import Load
from tests.durability.stand import Stand, stand

RATE = 100
STREAMS = 12
# An intent that nobody settled is an event within this time of its worker's death.
ADOPTED_SECONDS = 120.0


def test_three_killed_workers_lose_no_attempt_and_count_none_twice(note: Note) -> None:
    with stand() as made:
        kill_under_load(made, 3, note)

        # What the dead held comes back when their leases end.
        assert made.longest_lease_seconds() <= LEASE_SECONDS


@pytest.mark.long
@pytest.mark.timeout(600)
def test_thirty_killed_workers_lose_no_attempt_and_count_none_twice(note: Note) -> None:
    with stand(throwaway=False) as made:
        kill_under_load(made, 30, note)

        check_nothing_left(made, leases_within=75.0, sockets_within=60.0)


def kill_under_load(made: Stand, kills: int, note: Note) -> None:
    key = made.console.new_key()
    chance = random.Random(20260101)

    with Load(made.urls, key, rate=RATE, streams=STREAMS, plain_model="slow") as load:
        time.sleep(1.0)
        for _ in range(kills):
            # Now and then all at once, so that nobody is there to take over.
            victims = made.webs if chance.random() < 0.2 else [chance.choice(made.webs)]
            for victim in victims:
                victim.kill()
            for victim in victims:
                victim.start()
            # Some die while they are still starting, or adopting another's spool.
            time.sleep(chance.uniform(0.2, 3.5))
        for web in made.webs:
            web.wait_until_ready()
        time.sleep(1.0)
    stored_within = wait_until_stored(made, at_most=ADOPTED_SECONDS)
    time.sleep(6.0)  # The next sweep must not add anything twice.
    bills = compare(made)

    assert not bills.lost
    assert not bills.twice
    assert bills.not_estimated == 0
    # An intent whose request was never sent, or was sent and not yet answered.
    assert set(bills.never_billed) <= {"unsettled"}
    assert bills.most_never_billed_of_a_request <= 1
    assert bills.billed_unsettled > 0, "no attempt was under way when a worker died"
    assert sum(answer.went_well for answer in load.answers) > 100
    check_canaries(made, key)
    note("kills", kills)
    note("requests that went well", sum(a.went_well for a in load.answers))
    note("requests that broke", sum(not a.went_well for a in load.answers))
    note("billable attempts, events", (bills.billable, bills.events))
    note("billed and unsettled (estimated)", bills.billed_unsettled)
    note("intents never answered", dict(bills.never_billed))
    note("stored within s of the load's end", round(stored_within, 1))
