"""What a model would be told of an end user, as an owner looks at it."""

import os
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from gateway.context.api.parsing import entries_in
from gateway.context.api.storing import store
from tenants.context import erasing
from tenants.models import ContextView, EndUser
from tests.factories import ProjectFactory

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
]


@pytest.mark.parametrize(("width", "height"), [(1280, 900), (390, 844)])
def test_a_context_is_previewed(
    page: Page, admin_user: User, width: int, height: int
) -> None:
    project = ProjectFactory.create(slug="acorn", name="Acorn Publishing")
    entries = [
        {"userId": "ada", "kind": "feels", "content": {"mood": "calm", "score": 7}},
        {"userId": "ada", "kind": "habits", "content": "Went for a run by the river."},
        {"userId": "bob", "kind": "feels", "content": "tired"},
    ]
    store(project, entries_in({"entries": entries})[0])
    EndUser.objects.filter(external_id="ada").update(name="Ada")
    erasing.erase(EndUser.objects.get(external_id="bob"), "admin")
    page.set_viewport_size({"width": width, "height": height})
    page.goto("/admin/context-preview/?project=acorn&user=ada")
    page.fill("#id_username", admin_user.get_username())
    page.fill("#id_password", "password")
    page.click("button[type=submit]")
    page.get_by_role("button", name="Preview").click()

    expect(page.get_by_text("Went for a run by the river.")).to_be_visible()
    expect(page.get_by_text("Name: Ada")).to_be_visible()
    assert page.evaluate(
        "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    )
    keep(page, f"preview-{width}")
    assert ContextView.objects.count() == 1
    for name in ("contextscope/add", "contextentry", "erasure", "contextview"):
        page.goto(f"/admin/tenants/{name}/")
        keep(page, f"{name.replace('/', '-')}-{width}")


def keep(page: Page, name: str) -> None:
    """Leave a picture where somebody wants to look at it."""
    if folder := os.environ.get("SIGNALBOX_SCREENSHOTS"):
        path = Path(folder) / f"context-{name}.png"
        page.screenshot(path=path, full_page=True)
