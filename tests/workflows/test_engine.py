"""What the engine makes of lost workers, lost messages and late reports."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from tenants.models import Project
from tests.factories import ProjectFactory
from workflows import contents
from workflows.actions.outcomes import (
    ApprovalWanted,
    Bill,
    Done,
    Failed,
    Postponed,
    Waiting,
)
from workflows.engine.claims import Claimed, Report, Turn
from workflows.engine.due import renew_leases, runs_due
from workflows.engine.money import reserve
from workflows.engine.turns import take_turn
from workflows.limits import MAX_INTERRUPTIONS
from workflows.models import StepApproval, StepRun, WorkflowRun
from workflows.runs.cancelling import cancel_run
from workflows.runs.deciding import Decision, NotDecided, decide
from workflows.runs.starting import inline_version, start_run
from workflows.saving import save_version

pytestmark = pytest.mark.django_db


@pytest.fixture
def project(db: None) -> Project:
    return ProjectFactory.create(slug="acorn")


@pytest.fixture(autouse=True)
def _no_key_of_another_test() -> Iterator[None]:
    contents.forget_keys()
    yield
    contents.forget_keys()


def started(project: Project, *steps: dict[str, Any], **fields: Any) -> WorkflowRun:
    definition = {"name": "x", "steps": list(steps), **fields}
    return start_run(inline_version(project, definition), {})


def turn(run: WorkflowRun, *reports: Report, room: int = 100) -> Turn:
    return take_turn(run.pk, reports, [], room)


def report(claimed: Claimed, outcome: Any = None) -> Report:
    return Report(claimed.id, claimed.claim, outcome or Done("done"))


def generate(step_id: str = "a", **fields: Any) -> dict[str, Any]:
    return {
        "id": step_id,
        "action": "generate",
        "input": {"prompt": "x"},
        **fields,
    }


def lose(run: WorkflowRun) -> None:
    """Let the worker of the run's steps be dead for a while."""
    StepRun.objects.filter(run=run).update(
        lease_until=timezone.now() - timedelta(seconds=1)
    )


def step_of(run: WorkflowRun, step: str = "a") -> StepRun:
    found: StepRun = StepRun.objects.get(run=run, step=step, item=-1)
    return found


def status_of(run: WorkflowRun) -> str:
    run.refresh_from_db()
    return run.status


def test_a_message_that_comes_twice_begins_nothing_twice(project: Project) -> None:
    run = started(project, generate())

    first, second = turn(run), turn(run)

    assert len(first.claimed) == 1
    assert second.claimed == []
    assert first.live == second.live == {first.claimed[0].claim}


def test_a_report_that_comes_twice_counts_once(project: Project) -> None:
    run = started(project, generate("a", onSuccess="b"), generate("b"))
    (claimed,) = turn(run).claimed
    done = report(claimed, Done("x", Bill(cost_usd=Decimal("0.5"))))

    first, again = turn(run, done), turn(run, done, done)

    assert [each.step.id for each in first.claimed] == ["b"]
    assert again.claimed == []
    run.refresh_from_db()
    assert run.total_cost_usd == Decimal("0.5")


def test_a_message_for_a_run_that_is_over_changes_nothing(project: Project) -> None:
    run = started(project, generate())
    (claimed,) = turn(run).claimed
    turn(run, report(claimed))
    before = WorkflowRun.objects.values().get(pk=run.pk)

    assert turn(run, report(claimed)).is_over
    assert take_turn(uuid4(), [], [], 10).is_over
    assert WorkflowRun.objects.values().get(pk=run.pk) == before


def test_a_step_of_a_dead_worker_is_repeated_once_and_its_late_report_ignored(
    project: Project,
) -> None:
    run = started(project, generate("a", onSuccess="b"), generate("b"))
    (first,) = turn(run).claimed
    assert runs_due(10) == []
    lose(run)

    assert runs_due(10) == [run.pk]
    (second,) = turn(run).claimed
    late = turn(run, report(first, Done("late")))
    turn(run, report(second, Done("right")))

    assert second.id == first.id
    assert second.claim != first.claim
    assert late.claimed == []
    assert step_of(run).read("output") == "right"
    assert step_of(run).attempts == 2


def test_a_step_that_is_cut_off_again_and_again_fails(project: Project) -> None:
    run = started(project, generate())
    for _ in range(1 + MAX_INTERRUPTIONS):
        assert len(turn(run).claimed) == 1
        lose(run)

    assert turn(run).claimed == []
    assert status_of(run) == "failed"
    assert step_of(run).error_code == "interrupted"


def test_a_step_that_calls_nobody_may_be_cut_off_often(project: Project) -> None:
    run = started(project, {"id": "a", "action": "transform", "input": {"from": 1}})
    for _ in range(5):
        assert turn(run).claimed
        lose(run)

    (claimed,) = turn(run).claimed
    turn(run, report(claimed))
    assert status_of(run) == "completed"


def test_a_recorded_step_is_not_repeated(project: Project) -> None:
    run = started(project, generate("a", onSuccess="b"), generate("b"))
    (a,) = turn(run).claimed
    turn(run, report(a))
    lose(run)

    (again,) = turn(run).claimed

    assert again.step.id == "b"
    assert step_of(run, "a").attempts == 1


def test_somebody_is_asked_about_a_cut_off_step_whose_policy_that_is(
    project: Project,
) -> None:
    run = started(project, generate(onInterrupted="ask"))
    turn(run)
    lose(run)

    asked = turn(run)
    assert asked.claimed == []
    assert status_of(run) == "waiting_approval"
    assert StepApproval.objects.get().reason == "interrupted"
    decide(run.pk, project.pk, Decision(approves=True, by="x"))
    assert len(turn(run).claimed) == 1


def test_whoever_still_works_on_a_step_keeps_it_when_the_lease_is_over(
    project: Project,
) -> None:
    run = started(project, generate())
    (claimed,) = turn(run).claimed
    lose(run)

    again = take_turn(run.pk, [], [claimed.claim], 10)

    assert again.claimed == []
    assert again.live == {claimed.claim}


def test_a_heartbeat_renews_the_leases_that_still_count(project: Project) -> None:
    run = started(project, generate())
    (claimed,) = turn(run).claimed
    lose(run)

    assert renew_leases([claimed.claim, uuid4()]) == {claimed.claim}
    assert runs_due(10) == []
    cancel_run(run.pk)
    assert renew_leases([claimed.claim]) == set()


def test_runs_are_found_without_any_message_and_not_by_two_at_once(
    project: Project,
) -> None:
    runs = {started(project, generate()).pk for _ in range(3)}

    found = set(runs_due(2))
    rest = set(runs_due(10))

    assert len(found) == 2
    assert found | rest == runs
    assert not found & rest
    # Nobody has looked at them after all: they are found again.
    WorkflowRun.objects.update(wake_at=timezone.now())
    assert set(runs_due(10)) == runs


def test_a_failure_waits_longer_each_time(project: Project) -> None:
    run = started(project, generate(retry={"maxAttempts": 4, "delayMs": 60_000}))
    waits = []
    for _ in range(3):
        (claimed,) = turn(run).claimed
        after = turn(run, report(claimed, Failed("x", "no", may_retry=True)))
        assert after.next_at is not None
        waits.append(round((after.next_at - timezone.now()).total_seconds() / 60))
        StepRun.objects.update(due_at=timezone.now())

    assert waits == [1, 2, 4]


def test_a_failure_that_cannot_be_mended_is_not_repeated(project: Project) -> None:
    run = started(project, generate(retry={"maxAttempts": 4}))
    (claimed,) = turn(run).claimed

    turn(run, report(claimed, Failed("invalid_request", "no")))

    assert status_of(run) == "failed"


def test_what_is_postponed_is_no_attempt(project: Project) -> None:
    run = started(project, generate())
    (claimed,) = turn(run).claimed

    after = turn(run, report(claimed, Postponed(30.0)))

    assert step_of(run).attempts == 0
    assert after.next_at is not None
    assert after.next_at > timezone.now() + timedelta(seconds=20)


def test_a_wait_holds_nobody(project: Project) -> None:
    run = started(project, {"id": "a", "action": "wait", "input": {"seconds": 99}})
    (claimed,) = turn(run).claimed
    until = timezone.now() + timedelta(days=2)

    after = turn(run, report(claimed, Waiting(until, "x")))

    run.refresh_from_db()
    assert after.live == set()
    assert run.wake_at == until
    StepRun.objects.update(due_at=timezone.now())
    assert turn(run).is_over
    assert status_of(run) == "completed"


def test_no_more_steps_are_claimed_than_there_is_room_for(project: Project) -> None:
    run = started(project, *[generate(f"s{i}", dependsOn=[]) for i in range(5)])

    first, second = turn(run, room=2), turn(run, room=0)

    assert len(first.claimed) == 2
    assert second.claimed == []
    assert second.next_at is not None
    assert second.next_at < timezone.now() + timedelta(seconds=2)
    assert len(turn(run).claimed) == 3


def test_parallel_steps_together_stay_within_the_money_of_the_run(
    project: Project,
) -> None:
    run = started(
        project,
        *[generate(f"s{i}", dependsOn=[]) for i in range(3)],
        maxCostUSD=1,
    )
    first, second, third = turn(run).claimed

    taken = reserve(run.pk, first.id, first.claim, Decimal("0.6"), None)
    refused = reserve(run.pk, second.id, second.claim, Decimal("0.6"), None)
    small = reserve(run.pk, third.id, third.claim, Decimal("0.3"), None)
    turn(run, report(first, Done("x", Bill(cost_usd=Decimal("0.1")))))
    later = reserve(run.pk, second.id, second.claim, Decimal("0.6"), None)

    assert taken.usd == 1
    assert refused.must_wait
    assert small.usd == Decimal("0.4")
    assert later.usd == Decimal("0.6")


def test_a_claim_that_counts_no_more_gets_no_money(project: Project) -> None:
    run = started(project, generate(), maxCostUSD=1)
    (claimed,) = turn(run).claimed

    assert reserve(run.pk, claimed.id, uuid4(), None, None).usd == 0


def test_an_approval_is_for_what_was_shown(project: Project) -> None:
    run = started(project, generate(approval=True))
    (claimed,) = turn(run).claimed
    turn(run, report(claimed, ApprovalWanted({"input": 1})))
    approval = StepApproval.objects.get()
    assert status_of(run) == "waiting_approval"

    with pytest.raises(NotDecided, match="look at the run again"):
        decide(run.pk, project.pk, Decision(approves=True, by="x", digest="other"))
    decide(run.pk, project.pk, Decision(approves=True, by="x", digest=approval.digest))

    (again,) = turn(run).claimed
    assert again.approved is not None
    assert again.approved.digest == approval.digest


def test_a_run_keeps_its_version(project: Project) -> None:
    steps = {"name": "w", "steps": [generate("a")]}
    first = save_version(project, steps)
    run = start_run(first, {})

    save_version(project, {"name": "w", "steps": [generate("other")]})
    first.refresh_from_db()

    assert first.status == "archived"
    assert [each.step.id for each in turn(run).claimed] == ["a"]


def test_a_run_that_takes_too_long_ends(project: Project) -> None:
    run = started(project, generate())
    turn(run)
    WorkflowRun.objects.update(deadline=timezone.now())

    assert turn(run).is_over
    run.refresh_from_db()
    assert (run.status, run.error_code) == ("failed", "run_timed_out")
    assert step_of(run).status == "cancelled"
