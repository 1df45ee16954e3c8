"""A new run that begins with what another one has finished."""

from typing import Any

import httpx
import pytest
from django.db.models import Q

from gateway.simulator import Simulator
from tests.gateway.live import wait_until
from tests.workflows.conftest import Run, generate, steps_of, transform
from workflows.models import WorkflowRun


def again(http: httpx.Client, run_id: str, step: str = "") -> httpx.Response:
    return http.post(
        f"/api/workflows/runs/{run_id}/retry", json={"step": step} if step else {}
    )


def ended(http: httpx.Client, run_id: str) -> dict[str, Any]:
    wait_until(
        lambda: not WorkflowRun.objects.filter(Q(ended_at=None), pk=run_id).exists()
    )
    found: dict[str, Any] = http.get(f"/api/workflows/runs/{run_id}").json()
    return found


def test_a_run_is_retried_from_the_step_that_failed(
    run: Run, http: httpx.Client, upstream: Simulator
) -> None:
    failed = run(
        generate("ask", onSuccess="check"),
        {
            "id": "check",
            "action": "condition",
            "when": "length(ask.output) > 0",
            "onSuccess": "broken",
            "onFailure": "other",
        },
        transform("other"),
        generate("broken", model="sim/sim-fault-500", onSuccess="end"),
        transform("end", "{{ask.output}}"),
    )
    assert failed["error"]["step"] == "broken"

    answer = again(http, failed["runId"])

    assert answer.status_code == 202, answer.text
    found = ended(http, answer.json()["runId"])
    steps, before = steps_of(found), steps_of(failed)
    assert found["status"] == "failed"
    assert steps["ask"]["output"] == before["ask"]["output"]
    assert steps["ask"]["costUSD"] == 0
    assert steps["other"]["status"] == "skipped"
    assert [call.model for call in upstream.calls].count("sim-chat") == 1
    assert (
        str(WorkflowRun.objects.get(pk=found["runId"]).retry_of_id) == failed["runId"]
    )


def test_a_run_is_retried_from_any_step_with_all_that_follows(
    run: Run, http: httpx.Client, upstream: Simulator
) -> None:
    whole = run(
        generate("a", onSuccess="b"),
        generate("b", "{{a.output}}"),
        transform("c", "{{b.output}}!", dependsOn=["b"]),
        generate("apart", dependsOn=[]),
    )
    assert len(upstream.calls) == 3

    answer = again(http, whole["runId"], "b")

    found = ended(http, answer.json()["runId"])
    steps = steps_of(found)
    assert found["status"] == "completed", found
    assert len(upstream.calls) == 4
    assert steps["c"]["output"] == f"{steps['b']['output']}!"
    assert found["totalCostUSD"] == pytest.approx(steps["b"]["costUSD"])


def test_what_cannot_be_retried_says_why(run: Run, http: httpx.Client) -> None:
    whole = run(transform("a"))

    waiting = run({"id": "w", "action": "wait", "input": {"seconds": 60}}, wait=False)

    told = [
        again(http, whole["runId"]),
        again(http, whole["runId"], "nobody"),
        again(http, waiting["runId"], "w"),
    ]
    http.post(f"/api/workflows/runs/{waiting['runId']}/cancel")

    assert [each.status_code for each in told] == [400, 400, 409]
    none_failed, unknown, going_on = (each.json()["error"]["message"] for each in told)
    assert "name the one to begin with" in none_failed
    assert "no step 'nobody'" in unknown
    assert "cancel it first" in going_on
