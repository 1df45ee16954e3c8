"""Runs of workflows outlive their workers, their messages and the broker."""

import random
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.durability.conftest import Note, Works
from tests.durability.stand import Stand, stand, until
from tests.durability.workers import Background, workers

STEPS = 3
CHAIN = {
    "name": "chain",
    "steps": [
        {
            "id": f"s{n}",
            "action": "generate",
            "model": "slow",
            "input": {"prompt": f"{n} {{{{input.x}}}}", "maxTokens": 10},
            **({"onSuccess": f"s{n + 1}"} if n + 1 < STEPS else {}),
        }
        for n in range(STEPS)
    ],
}
# After the last run was sent, or the last worker killed.
STUCK_SECONDS = 60.0


@dataclass(frozen=True)
class Killing:
    """How often a worker was killed, and how many provider calls were repeated."""

    kills: int
    repeated: int


@pytest.mark.timeout(300)
def test_killed_workers_repeat_no_recorded_step_and_leave_no_run(
    works: Works, note: Note
) -> None:
    run_and_kill(
        works.stand, works.running, runs=60, per_second=15, every_s=2.0, note=note
    )


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("count", [1, 2])
def test_a_thousand_runs_outlive_a_worker_killed_every_five_seconds(
    note: Note, count: int
) -> None:
    with stand(webs=1, throwaway=False) as made, workers(made, count) as running:
        found = run_and_kill(
            made, running, runs=1000, per_second=12, every_s=5.0, note=note
        )

    # One alone is killed while it makes up for its start, with more under way.
    if count > 1:
        assert found.repeated <= found.kills


@pytest.mark.timeout(300)
def test_a_broker_that_forgets_everything_loses_no_run(
    works: Works, note: Note
) -> None:
    made, running = works.stand, works.running
    with client_of(made) as client:
        warm_up(client)
        ids = [start(client, n) for n in range(20)]
        with made._redis_client() as redis:
            redis.flushall()
        running[0].kill()
        ids += [start(client, n) for n in range(20, 40)]
        with made._redis_client() as redis:
            redis.flushall()
        running[0].start()
        with made._redis_client() as redis:
            redis.flushall()
        took = until(lambda: open_runs(made) == 0, at_most=STUCK_SECONDS)

        assert statuses(made) == {"completed": len(ids) + 1}
        note("40 runs ended within s", round(took, 1))


def run_and_kill(
    made: Stand,
    running: list[Background],
    *,
    runs: int,
    per_second: float,
    every_s: float,
    note: Note,
) -> Killing:
    chance = random.Random(20261121)
    kills = 0
    with client_of(made) as client:
        warm_up(client)
        began = next_kill = time.monotonic()
        next_kill += every_s
        for number in range(runs):
            start(client, number)
            while (now := time.monotonic()) < began + number / per_second:
                time.sleep(0.005)
            if now >= next_kill:
                kills += 1
                next_kill += every_s
                victim = chance.choice(running)
                victim.kill()
                victim.start()
    took = until(lambda: open_runs(made) == 0, at_most=STUCK_SECONDS, step=0.2)

    found = statuses(made)
    interrupted = made.sql(
        "SELECT coalesce(sum(interruptions), 0), count(*) FROM workflows_steprun"
    )[0]
    done = made.sql(
        "SELECT count(*) FROM workflows_steprun WHERE status = 'completed'"
    )[0][0]
    calls = len(made.ledger.read_bytes().splitlines())
    repeated = calls - done
    note("runs by status", dict(found))
    note("kills", kills)
    note("steps cut off", interrupted[0])
    note("steps completed, upstream calls", (done, calls))
    note("calls repeated per kill", round(repeated / max(kills, 1), 2))
    note("ended within s of the last one sent", round(took, 1))
    assert sum(found.values()) == runs + 1
    # One that was cut off again and again fails, and says so.
    assert found["completed"] + found.get("failed", 0) == runs + 1
    assert found.get("failed", 0) <= kills
    # Nothing is called again but what was under way when a worker died.
    assert repeated <= interrupted[0] + found.get("failed", 0)
    return Killing(kills, repeated)


def client_of(made: Stand) -> httpx.Client:
    key = made.console.new_key()
    return httpx.Client(
        base_url=made.urls[0],
        headers={"authorization": f"Bearer {key}"},
        timeout=70,
    )


def start(client: httpx.Client, number: int) -> str:
    body = {"workflow": CHAIN, "input": {"x": str(number)}}
    answer = client.post("/api/workflows/run", json=body)
    assert answer.status_code == 202, answer.text
    found: str = answer.json()["runId"]
    return found


def warm_up(client: httpx.Client) -> None:
    """Wait until a worker has opened its gateway and done a run."""
    body: dict[str, Any] = {"workflow": CHAIN, "input": {"x": "0"}, "wait": True}
    answer = client.post("/api/workflows/run", json=body)
    assert answer.json()["status"] == "completed", answer.text


def open_runs(made: Stand) -> int:
    found: int = made.sql(
        "SELECT count(*) FROM workflows_workflowrun WHERE ended_at IS NULL"
    )[0][0]
    return found


def statuses(made: Stand) -> Counter[str]:
    rows = made.sql("SELECT status, count(*) FROM workflows_workflowrun GROUP BY 1")
    return Counter({str(row[0]): int(row[1]) for row in rows})
