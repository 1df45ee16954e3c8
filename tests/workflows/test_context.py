"""A step is told of the end user of its run what the project keeps, and no more."""

from django.utils import timezone

from gateway.context.api.parsing import NewEntry
from gateway.context.api.storing import store
from gateway.simulator import Simulator
from tenants.context import erasing
from tenants.models import EndUser, Project
from tests.gateway.live import LiveGateway
from tests.workflows.conftest import Run, caught_up, generate
from workflows.engine.workshop import Workshop
from workflows.models import WorkflowRun


def test_a_step_takes_the_context_of_the_runs_user(
    run: Run,
    live: LiveGateway,
    workshop: Workshop,
    upstream: Simulator,
    project: Project,
) -> None:
    now = timezone.now()
    for user in ("ada", "bob"):
        store(project, [NewEntry(user, "feels", f"{user} is calm", now, None, None)])
    caught_up(workshop)
    step = generate("told", "Hello", input={"context": {"scope": "standard"}})

    found = run(step, userId="ada")

    assert found["status"] == "completed", found
    told = str(upstream.calls[-1].body)
    assert "ada is calm" in told
    assert "bob is calm" not in told
    assert WorkflowRun.objects.filter(end_user="ada").exists()
    receipt = erasing.erase(EndUser.objects.get(external_id="ada"), "admin")
    assert receipt.counts["workflow_runs"] == 1
    assert not WorkflowRun.objects.filter(end_user="ada").exists()
