"""Workflows in the admin, as somebody at a desk and somebody with a phone see them."""

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from playwright.sync_api import Page, expect

from tests.factories import ProjectFactory
from workflows import contents
from workflows.actions.outcomes import ApprovalWanted, Bill, Done, Failed
from workflows.engine.claims import Report
from workflows.engine.turns import take_turn
from workflows.models import Workflow, WorkflowRun
from workflows.runs.starting import start_run
from workflows.saving import save_version

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
]
# The machine may do other things at the same moment.
expect.set_options(timeout=20_000)
SIZES = pytest.mark.parametrize(("width", "height"), [(1280, 900), (390, 844)])


def step(step_id: str, **fields: Any) -> dict[str, Any]:
    return {
        "id": step_id,
        "action": "generate",
        "model": "fast",
        "input": {"prompt": "Hello."},
        **fields,
    }


DEFINITION = {
    "name": "letters",
    "steps": [
        step("draft", onSuccess="check", onFailure="fallback"),
        step("fallback"),
        {
            "id": "check",
            "action": "condition",
            "when": "length(draft.output) > 3",
            "onSuccess": "agree",
            "onFailure": "fallback",
        },
        {"id": "agree", "action": "approval", "input": {"message": "Send it?"}},
        step("send", dependsOn=["agree", "fallback"]),
    ],
}


@pytest.fixture
def workflow(db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workflow]:
    for module in ("workflows", "runs"):
        monkeypatch.setattr(f"workflows.admin.{module}.wake", lambda ids: None)
    contents.forget_keys()
    kept = save_version(ProjectFactory.create(slug="acorn"), DEFINITION).workflow
    assert kept is not None
    yield kept
    contents.forget_keys()


@pytest.fixture
def run(workflow: Workflow) -> WorkflowRun:
    """A run that waits for somebody to agree."""
    started = start_run(workflow.versions.get(), {})
    bill = Bill(Decimal("0.0125"), "acme", "large")
    for outcome in (
        Done("Dear all", bill),
        Done(True),
        ApprovalWanted({"message": "Send it?", "input": {"text": "Dear all"}}),
    ):
        do(started, outcome)
    return started


def do(run: WorkflowRun, outcome: Any) -> None:
    with transaction.atomic():
        (claimed, *_) = take_turn(run.pk, [], [], 10).claimed
        take_turn(run.pk, [Report(claimed.id, claimed.claim, outcome)], [], 0)


def sign_in(page: Page, user: User, width: int, height: int) -> None:
    page.set_viewport_size({"width": width, "height": height})
    page.goto("/")
    page.fill("#id_username", user.get_username())
    page.fill("#id_password", "password")
    page.click("button[type=submit]")
    page.wait_for_url("**/admin/")


def fits(page: Page) -> bool:
    found: bool = page.evaluate(
        "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    )
    return found


def shot(page: Page, folder: Path, name: str) -> None:
    page.screenshot(path=str(folder / f"{name}.png"), full_page=True)


@SIZES
def test_a_definition_is_drawn_and_checked_while_it_is_typed(
    page: Page,
    admin_user: User,
    workflow: Workflow,
    width: int,
    height: int,
    tmp_path: Path,
) -> None:
    sign_in(page, admin_user, width, height)
    page.goto("/admin/workflows/workflow/")
    expect(page.locator("#result_list")).to_contain_text("letters")
    assert fits(page)
    shot(page, tmp_path, f"list-{width}")

    page.get_by_role("link", name="letters").first.click()
    drawn = page.locator("#definition-graph")
    expect(drawn.locator("svg .sb-node")).to_have_count(5)
    shot(page, tmp_path, f"editor-{width}")
    wrong = {**DEFINITION, "steps": [step("a", onSuccess="b"), step("c")]}
    page.fill("#id_definition", json.dumps(wrong))

    expect(drawn).to_contain_text("There is no step 'b'")
    expect(drawn.locator("svg .sb-node")).to_have_count(2)
    page.locator("[name=_continue]").first.click()
    expect(page.locator("#workflow_form")).to_contain_text("steps[0].onSuccess")
    expect(page.locator("#id_definition")).to_have_value(json.dumps(wrong))
    assert fits(page)
    shot(page, tmp_path, f"mistakes-{width}")

    right = {**DEFINITION, "steps": [step("a", onSuccess="b"), step("b")]}
    page.fill("#id_definition", json.dumps(right))
    page.locator("[name=_continue]").first.click()
    expect(page.get_by_text("Version 2 is active.")).to_be_visible()
    page.get_by_role("button", name="Compare the two").click()
    expect(page.get_by_text("draft is gone")).to_be_visible()
    assert fits(page)
    shot(page, tmp_path, f"compare-{width}")


@SIZES
def test_the_page_of_a_run_goes_on_by_itself_and_takes_decisions(
    page: Page,
    admin_user: User,
    run: WorkflowRun,
    width: int,
    height: int,
    tmp_path: Path,
) -> None:
    sign_in(page, admin_user, width, height)
    page.goto("/admin/workflows/workflowrun/")
    expect(page.locator("#result_list")).to_contain_text("letters")
    page.goto(f"/admin/workflows/workflowrun/{run.pk}/change/")
    progress = page.locator("#run-progress")
    expect(progress.locator(".sb-state-waiting_approval")).to_have_count(1)
    expect(progress).to_contain_text("Send it?")
    assert fits(page)
    shot(page, tmp_path, f"run-{width}")

    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_text("It is approved.")).to_be_visible()
    do(run, Done({"approved": True}))
    expect(progress.locator(".sb-state-waiting_approval")).to_have_count(0)
    do(run, Failed("upstream_error", "The provider failed."))

    expect(progress).to_contain_text("upstream_error: The provider failed.")
    expect(page.get_by_label("Run again from")).to_have_value("send")
    shot(page, tmp_path, f"failed-{width}")
    page.get_by_role("button", name="Run again").click()
    expect(page.get_by_text("This is a new run")).to_be_visible()
    assert run.retries.count() == 1
    assert fits(page)
