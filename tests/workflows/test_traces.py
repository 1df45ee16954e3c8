"""A run, its steps and what they asked stand in one trace, whose id is the run's."""

from collections.abc import Iterator
from uuid import UUID

import pytest

from tests.gateway.conftest import own_gateway  # noqa: F401
from tests.gateway.live import LiveGateway
from tests.gateway.telemetry.collector import Received, told_everything
from tests.workflows.conftest import Run


@pytest.fixture(scope="module", autouse=True)
def collector() -> Iterator[Received]:
    """There before gateway and workshop are, and told everything by them."""
    with told_everything() as received:
        yield received


@pytest.fixture(scope="module")
def running_gateway(
    collector: Received,
    own_gateway: LiveGateway,  # noqa: F811
) -> LiveGateway:
    return own_gateway


@pytest.mark.usefixtures("workshop")
def test_the_steps_of_a_run_are_children_of_its_span(
    run: Run, collector: Received
) -> None:
    done = run(
        {
            "id": "first",
            "action": "generate",
            "input": {"prompt": "Hello there"},
            "model": "fast",
        },
        {
            "id": "second",
            "action": "generate",
            "model": "fast",
            "input": {"prompt": "Say more about {{first.output}}"},
            "dependsOn": ["first"],
        },
    )

    assert done["status"] == "completed", [s["error"] for s in done["steps"]]
    (ended,) = collector.named("invoke_workflow test")
    (first,) = collector.named("generate first")
    (second,) = collector.named("generate second")
    calls = collector.named("chat sim-chat", 2)
    run_id = UUID(done["runId"])
    assert ended.trace == first.trace == second.trace == run_id.hex
    assert not ended.parent
    assert first.parent == second.parent == ended.id
    assert {call.parent for call in calls} == {first.id, second.id}
    assert ended.attributes["gen_ai.operation.name"] == "invoke_workflow"
    assert ended.attributes["gen_ai.workflow.name"] == "test"
    assert ended.attributes["signalbox.status"] == "completed"
    assert ended.seconds >= first.seconds + second.seconds
    assert b"Hello there" not in b"".join(collector.raw)


@pytest.mark.usefixtures("workshop")
def test_a_step_that_fails_says_so_in_its_span(run: Run, collector: Received) -> None:
    run(
        {
            "id": "broken",
            "action": "generate",
            "model": "sim/sim-fault-400",
            "input": {"prompt": "Hello"},
        }
    )

    (step,) = collector.named("generate broken")
    (ended,) = collector.named("invoke_workflow test", 2)[1:]
    assert step.failed
    assert ended.failed
    assert step.attributes["signalbox.outcome"] == "Failed"
    assert ended.attributes["signalbox.status"] == "failed"
