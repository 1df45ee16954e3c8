"""Workflows in the admin: the list, the editor, versions, and the page of a run."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from tenants.models import DataKey, Membership, Project, Role
from tests.admin_pages import save, saved, text_of
from tests.factories import OrganizationFactory, ProjectFactory
from usage.models import CaptureView
from workflows import contents
from workflows.actions.outcomes import ApprovalWanted, Bill, Done, Failed
from workflows.engine.claims import Report
from workflows.engine.turns import take_turn
from workflows.models import (
    IncomingWebhook,
    StepApproval,
    Workflow,
    WorkflowRun,
    WorkflowSchedule,
    WorkflowVersion,
)
from workflows.runs.starting import start_run
from workflows.saving import save_version

pytestmark = pytest.mark.django_db
ADDRESS = "/admin/workflows/workflow/"
RUNS = "/admin/workflows/workflowrun/"


@pytest.fixture(autouse=True)
def _nobody_is_woken(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("workflows", "runs"):
        monkeypatch.setattr(f"workflows.admin.{module}.wake", lambda ids: None)


@pytest.fixture
def project(db: None) -> Iterator[Project]:
    contents.forget_keys()
    yield ProjectFactory.create(slug="acorn")
    contents.forget_keys()


def definition(*steps: dict[str, Any], name: str = "letters") -> dict[str, Any]:
    return {"name": name, "steps": list(steps) or [step("first")]}


def step(step_id: str = "first", **fields: Any) -> dict[str, Any]:
    return {
        "id": step_id,
        "action": "generate",
        "input": {"prompt": "Hello."},
        **fields,
    }


@pytest.fixture
def workflow(project: Project) -> Workflow:
    kept = save_version(
        project, definition(step("first", onSuccess="second"), step("second"))
    ).workflow
    assert kept is not None
    return kept


@pytest.fixture
def run(workflow: Workflow) -> WorkflowRun:
    return start_run(workflow.versions.get(status="active"), {})


def do(run: WorkflowRun, outcome: Any) -> None:
    """Let the next step of the run end so."""
    (claimed,) = take_turn(run.pk, [], [], 10).claimed
    take_turn(run.pk, [Report(claimed.id, claimed.claim, outcome)], [], 0)


def client_with(role: str, project: Project) -> Client:
    user = User.objects.create_user(f"{role}-person")
    Membership.objects.create(user=user, organization=project.organization, role=role)
    client = Client()
    client.force_login(user)
    return client


def page_of(row: Any) -> str:
    model = row._meta.model_name
    return f"/admin/workflows/{model}/{row.pk}/change/"


def test_the_list_shows_how_often_workflows_succeed_and_what_they_cost(
    admin_client: Client, workflow: Workflow
) -> None:
    for outcome in (Done("x", Bill(Decimal("0.25"))), Failed("upstream_error", "no")):
        run = start_run(workflow.versions.get(), {})
        do(run, outcome)
        WorkflowRun.objects.filter(pk=run.pk, ended_at=None).update(
            status="completed", ended_at=timezone.now()
        )

    told = text_of(admin_client.get(ADDRESS))

    assert "letters" in told
    assert "50.0%" in told
    assert "$0.2500" in told


def test_a_definition_is_written_in_the_editor_and_becomes_the_active_version(
    admin_client: Client, project: Project
) -> None:
    answer = save(
        admin_client,
        f"{ADDRESS}add/",
        {
            "project": project.pk,
            "definition": json.dumps(definition(name="new")),
            "keep_as": "active",
        },
    )

    assert saved(answer), text_of(answer)
    version = WorkflowVersion.objects.get()
    assert version.workflow is not None
    assert (version.workflow.name, version.status) == ("new", "active")


def test_every_mistake_is_told_with_its_place_and_what_was_typed_is_kept(
    admin_client: Client, project: Project
) -> None:
    wrong = definition(
        step("a", action="dance", onSuccess="nowhere"),
        step("b", input={"prompt": "{{c.output}}"}),
    )
    typed = json.dumps(wrong, indent=1)

    answer = save(
        admin_client,
        f"{ADDRESS}add/",
        {"project": project.pk, "definition": typed, "keep_as": "active"},
    )

    told = text_of(answer)
    assert "steps[0].action: It must be one of" in told
    assert "steps[0].onSuccess: There is no step 'nowhere'." in told
    assert "steps[1].input.prompt: There is no value 'c.output'" in told
    assert "&quot;nowhere&quot;" in answer.content.decode()
    assert not Workflow.objects.exists()


def test_what_is_no_json_is_told_with_its_line(
    admin_client: Client, workflow: Workflow
) -> None:
    answer = save(admin_client, page_of(workflow), {"definition": '{\n"name": }'})

    assert "line 2, column 9" in text_of(answer)


def test_saving_makes_a_version_and_saving_the_same_makes_none(
    admin_client: Client, workflow: Workflow
) -> None:
    changed = definition(step("first"))
    fields = {"definition": json.dumps(changed), "keep_as": "draft"}

    assert saved(save(admin_client, page_of(workflow), fields))
    assert saved(save(admin_client, page_of(workflow), fields))

    found = list(workflow.versions.order_by("number").values_list("number", "status"))
    assert found == [(1, "active"), (2, "draft")]


def test_a_workflow_keeps_its_name_and_project(
    admin_client: Client, workflow: Workflow
) -> None:
    other = {"definition": json.dumps(definition(name="other"))}

    assert "keeps its name" in text_of(save(admin_client, page_of(workflow), other))
    twice = {"project": workflow.project_id, "definition": json.dumps(definition())}
    answer = save(admin_client, f"{ADDRESS}add/", {**twice, "keep_as": "active"})
    assert "open it to change it" in text_of(answer)


def test_what_is_typed_is_checked_and_drawn_without_being_kept(
    admin_client: Client,
) -> None:
    said = json.dumps(definition(step("<b>", onSuccess="two"), step("two")))

    answer = admin_client.post(f"{ADDRESS}check/", {"definition": said})

    page = answer.content.decode()
    assert "<svg" in page
    assert "&lt;b&gt;" in page
    assert "<b>" not in page
    assert "steps[0].id" in page
    assert not Workflow.objects.exists()


def test_versions_are_activated_archived_and_compared(
    admin_client: Client, workflow: Workflow
) -> None:
    save_version(workflow.project, definition(step("third")))

    admin_client.post(f"{ADDRESS}{workflow.pk}/versions/1/activate/")
    told = text_of(admin_client.get(f"{ADDRESS}{workflow.pk}/compare/?from=2&to=1"))

    assert workflow.versions.get(status="active").number == 1
    assert "third is new" in told
    assert "first is gone" in told
    admin_client.post(f"{ADDRESS}{workflow.pk}/versions/1/archive/")
    assert not workflow.versions.filter(status="active").exists()


def test_a_workflow_is_run_from_its_page(
    admin_client: Client, workflow: Workflow
) -> None:
    answer = admin_client.post(f"{ADDRESS}{workflow.pk}/run/", {"input": '{"a": 1}'})

    run = WorkflowRun.objects.get()
    assert answer.headers["location"] == page_of(run)
    assert run.trigger == "admin"
    assert run.read_input() == {"a": 1}


def test_the_page_of_a_run_shows_its_steps_and_what_they_cost(
    admin_client: Client, run: WorkflowRun
) -> None:
    do(run, Done("secret words", Bill(Decimal("0.5"), "acme", "large")))

    answer = admin_client.get(page_of(run))

    page, told = answer.content.decode(), text_of(answer)
    assert 'class="sb-node sb-state-completed"' in page
    assert "acme/large" in told
    assert "$0.5000" in told
    assert "secret words" not in told
    assert "no-store" in answer.headers["cache-control"]
    part = admin_client.get(f"{RUNS}{run.pk}/progress/").content.decode()
    assert 'data-active="true"' in part
    assert "<html" not in part


def test_what_was_said_is_shown_to_owners_of_projects_that_keep_it_and_noted(
    run: WorkflowRun, project: Project
) -> None:
    do(run, Done("secret words"))
    owner, operator = (client_with(role, project) for role in ("owner", "operator"))
    shown = f"{page_of(run)}?contents"
    assert "secret words" not in text_of(owner.get(shown))

    Project.objects.filter(pk=project.pk).update(capture=True)

    assert "secret words" not in text_of(operator.get(shown))
    assert not CaptureView.objects.exists()
    assert "secret words" in text_of(owner.get(shown))
    assert CaptureView.objects.get().request_id == str(run.pk)


def test_a_step_is_approved_on_the_page_of_its_run(
    run: WorkflowRun, project: Project
) -> None:
    do(run, ApprovalWanted({"message": "Send it?", "input": "x"}))
    approval = StepApproval.objects.get()
    operator = client_with("operator", project)
    assert "Send it?" in text_of(operator.get(page_of(run)))

    operator.post(
        f"{RUNS}{run.pk}/decide/",
        {"verb": "approve", "step": "first", "digest": approval.digest},
    )

    approval.refresh_from_db()
    assert (approval.state, approval.decided_by) == ("approved", "operator-person")


def test_a_rejection_is_told_with_its_reason_and_a_late_one_is_refused(
    run: WorkflowRun, project: Project
) -> None:
    do(run, ApprovalWanted({"message": "Send it?"}))
    operator = client_with("operator", project)
    said = {"verb": "reject", "step": "first", "reason": "too long"}

    operator.post(f"{RUNS}{run.pk}/decide/", said)
    take_turn(run.pk, [], [], 10)
    again = operator.post(f"{RUNS}{run.pk}/decide/", said, follow=True)

    assert "too long" in text_of(again)
    assert "waits for a decision any more" in text_of(again)


def test_a_run_is_cancelled_and_retried_from_a_step(
    admin_client: Client, run: WorkflowRun
) -> None:
    do(run, Done("kept"))
    admin_client.post(f"{RUNS}{run.pk}/cancel/")

    answer = admin_client.post(f"{RUNS}{run.pk}/retry/", {"step": "second"})

    run.refresh_from_db()
    again = run.retries.get()
    assert run.status == "cancelled"
    assert answer.headers["location"] == page_of(again)
    assert again.steps.get(step="first").read("output") == "kept"


@pytest.mark.parametrize("role", [Role.READ_ONLY, Role.ANALYST])
def test_who_may_not_change_may_not_act(
    role: str, run: WorkflowRun, workflow: Workflow, project: Project
) -> None:
    client = client_with(role, project)

    assert "letters" in text_of(client.get(page_of(workflow)))
    posts = [
        f"{ADDRESS}{workflow.pk}/run/",
        f"{ADDRESS}{workflow.pk}/versions/1/archive/",
        f"{RUNS}{run.pk}/cancel/",
        f"{RUNS}{run.pk}/decide/",
        f"{RUNS}{run.pk}/retry/",
    ]
    for address in posts:
        assert client.post(address, {"verb": "approve"}).status_code in {403, 404}
    run.refresh_from_db()
    assert run.status == "queued"
    expected = 200 if role == Role.ANALYST else 302
    assert client.get(page_of(run)).status_code in {expected, 403}


def test_other_organizations_see_nothing(run: WorkflowRun, workflow: Workflow) -> None:
    other = OrganizationFactory.create(slug="elsewhere")
    stranger = client_with("owner", ProjectFactory.create(organization=other))

    assert "letters" not in text_of(stranger.get(ADDRESS))
    for address in (
        f"{ADDRESS}{workflow.pk}/compare/?from=1&to=1",
        f"{RUNS}{run.pk}/progress/",
    ):
        assert stranger.get(address).status_code == 404
    assert stranger.post(f"{RUNS}{run.pk}/cancel/").status_code == 404


def test_a_schedule_is_made_with_its_input_sealed(
    admin_client: Client, workflow: Workflow
) -> None:
    fields = {
        "project": workflow.project_id,
        "workflow": workflow.pk,
        "name": "daily",
        "cron": "0 9 * * mon-fri",
        "input": '{"who": "Ada"}',
        "active": "on",
    }
    address = "/admin/workflows/workflowschedule/"
    wrong = save(admin_client, f"{address}add/", {**fields, "cron": "99 * * * *"})
    assert "is no minute" in text_of(wrong)

    assert saved(save(admin_client, f"{address}add/", fields))

    schedule = WorkflowSchedule.objects.get()
    assert schedule.read_input() == {"who": "Ada"}
    assert schedule.next_at is not None
    assert "daily" in text_of(admin_client.get(address))


def test_a_schedule_runs_workflows_of_its_own_project_alone(
    admin_client: Client, workflow: Workflow
) -> None:
    other = ProjectFactory.create(slug="other")
    fields = {"project": other.pk, "workflow": workflow.pk, "name": "x"}
    address = "/admin/workflows/workflowschedule/add/"

    answer = save(admin_client, address, {**fields, "cron": "@daily", "input": ""})

    assert "belongs to another project" in text_of(answer)


def test_the_secret_of_a_webhook_is_shown_once(
    admin_client: Client, workflow: Workflow
) -> None:
    address = "/admin/workflows/incomingwebhook/"
    fields = {
        "project": workflow.project_id,
        "workflow": workflow.pk,
        "name": "tickets",
        "active": "on",
    }

    answer = save(admin_client, f"{address}add/", fields)

    webhook = IncomingWebhook.objects.get()
    secret = webhook.secret()
    assert secret in text_of(answer)
    assert webhook.path in text_of(answer)
    assert secret not in text_of(admin_client.get(page_of(webhook)))
    renewed = admin_client.post(f"{address}{webhook.pk}/new-secret/")
    webhook.refresh_from_db()
    assert webhook.secret() != secret
    assert webhook.secret() in text_of(renewed)


def test_a_definition_that_does_not_open_is_told_and_no_error(
    admin_client: Client, workflow: Workflow
) -> None:
    DataKey.objects.update(kek_id="lost")
    contents.forget_keys()

    response = admin_client.get(f"{ADDRESS}{workflow.pk}/change/", follow=True)

    assert response.redirect_chain == [("/admin/", 302)]
    assert "This cannot be opened: SIGNALBOX_KEK holds no key" in text_of(response)
