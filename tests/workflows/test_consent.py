"""Steps above the project's threshold wait until the project's own people agree."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from gateway.simulator import Simulator
from tenants.approvals import decide
from tenants.models import Approval, Project
from tests.gateway.live import wait_until
from tests.workflows.conftest import Run, caught_up, generate, steps_of, transform
from workflows.engine.workshop import Workshop
from workflows.models import StepRun


@pytest.fixture
def decider(db: None) -> User:
    return User.objects.create_user("decider")


@pytest.fixture
def thrifty(run: Run, project: Project, workshop: Workshop) -> Run:
    """A run of a project that lets nothing pass unasked."""
    Project.objects.filter(pk=project.pk).update(
        auto_approve_threshold_usd=Decimal("0.0000001")
    )
    caught_up(workshop)
    return run


def say(approved: bool, by: User, *, but: int = 0) -> None:
    """Decide about what waits, once so many requests do."""
    waiting = Approval.objects.filter(state="pending")
    wait_until(lambda: waiting.count() > but)
    for approval in waiting[: len(waiting) - but]:
        decide(approval.pk, approved=approved, by=by, lasts=timedelta(hours=1))


def ended(http: httpx.Client, run_id: str) -> dict[str, Any]:
    def found() -> dict[str, Any]:
        answer: dict[str, Any] = http.get(f"/api/workflows/runs/{run_id}").json()
        return answer

    wait_until(lambda: found()["endedAt"] is not None, 10)
    return found()


def test_a_step_that_is_too_dear_waits_and_goes_on_when_it_is_approved(
    thrifty: Run, decider: User, http: httpx.Client, upstream: Simulator
) -> None:
    waiting = thrifty(
        generate("dear", onSuccess="then"), transform("then", "{{dear.output}}!")
    )
    assert waiting["status"] == "waiting_approval", waiting
    assert len(upstream.calls) == 0
    say(True, decider)

    found = ended(http, waiting["runId"])

    steps = steps_of(found)
    assert found["status"] == "completed", found
    assert steps["dear"]["attempts"] == 1
    assert steps["then"]["output"] == f"{steps['dear']['output']}!"
    assert len(upstream.calls) == 1
    assert Approval.objects.get().state == "used"


def test_a_rejected_request_fails_its_step_and_its_fallback_follows(
    thrifty: Run, decider: User, http: httpx.Client, upstream: Simulator
) -> None:
    waiting = thrifty(generate("dear", onFailure="instead"), transform("instead", "-"))
    say(False, decider)

    found = ended(http, waiting["runId"])

    steps = steps_of(found)
    assert found["status"] == "completed", found
    assert steps["dear"]["error"]["code"] == "approval_rejected"
    assert steps["instead"]["output"] == "-"
    assert len(upstream.calls) == 0


def test_a_request_that_nobody_decides_on_in_time_fails_its_step(
    thrifty: Run, http: httpx.Client
) -> None:
    waiting = thrifty(generate("dear"))
    StepRun.objects.update(due_at=timezone.now())
    Approval.objects.update(state=Approval.State.EXPIRED)

    found = ended(http, waiting["runId"])

    assert found["error"]["code"] == "approval_expired"


def test_a_project_key_cannot_agree_in_place_of_the_people(
    thrifty: Run, http: httpx.Client
) -> None:
    waiting = thrifty(generate("dear"))

    answer = http.post(f"/api/workflows/runs/{waiting['runId']}/approve", json={})

    assert answer.status_code == 409
    assert Approval.objects.get().state == "pending"
    http.post(f"/api/workflows/runs/{waiting['runId']}/cancel")


def test_elements_of_a_foreach_wait_as_well(
    thrifty: Run, decider: User, http: httpx.Client, upstream: Simulator
) -> None:
    waiting = thrifty(
        {
            "id": "each",
            "action": "foreach",
            "input": {
                "items": ["a", "b"],
                "step": {
                    "action": "generate",
                    "model": "fast",
                    "input": {"prompt": "{{item}}"},
                },
            },
        },
        wait=0.5,
    )
    say(True, decider, but=1)
    say(True, decider)

    found = ended(http, waiting["runId"])

    assert found["status"] == "completed", found
    assert len(upstream.calls) == 2
