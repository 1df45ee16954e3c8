"""The playground, as somebody who tries a model sees it."""

from pathlib import Path

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from tenants.models import Project
from tests.browser.test_request_and_project import both_widths, fits, sign_in
from tests.gateway.conftest import Offer
from tests.gateway.live import LiveGateway

pytestmark = [
    pytest.mark.browser,
    # What the server says of static files, which a test would take for an error.
    pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume"),
]


@both_widths
def test_an_answer_is_shown_while_it_comes(
    live_page: Page,
    project: Project,
    offer: Offer,
    live: LiveGateway,
    admin_user: User,
    tmp_path: Path,
    width: int,
    height: int,
) -> None:
    page = live_page
    offer("sim-chat", "sim-chat-2")
    sign_in(page, admin_user, width, height)
    page.goto("/admin/playground/")

    page.get_by_label("Alias or model").fill("fast")
    page.get_by_role("button", name="Run").click()

    answer = page.get_by_role("region", name="Answer")
    expect(answer).to_contain_text("HTTP 200")
    expect(answer).to_contain_text("Cost$0.")
    expect(answer).to_contain_text("sim/sim-chat")
    expect(page.locator("#playground-answer")).not_to_be_empty()
    expect(page.get_by_role("region", name="Explanation")).to_contain_text(
        "sim/sim-chat-2"
    )
    command = page.get_by_role("region", name="The same with curl")
    expect(command).to_contain_text("$SIGNALBOX_KEY")
    page.get_by_text("Headers of the answer").click()
    expect(page.locator("#playground-headers")).to_contain_text("x-signalbox-provider")
    assert fits(page)
    page.screenshot(path=tmp_path / f"playground-{width}.png", full_page=True)

    live.settled()
    answer.get_by_role("link").click()
    expect(page.get_by_role("region", name="Timeline")).to_contain_text("sim/sim-chat")
    page.goto("/admin/playground/")
    expect(page.get_by_role("region", name="Last runs")).to_contain_text("acorn")


def test_what_is_wrong_is_said_and_markup_stays_text(
    live_page: Page, project: Project, offer: Offer, admin_user: User
) -> None:
    page = live_page
    offer("sim-chat", name="fast")
    sign_in(page, admin_user, 1280, 900)
    page.goto("/admin/playground/")
    page.get_by_label("Alias or model").fill("<img src=x onerror=alert(1)>")

    page.get_by_role("button", name="Run").click()

    answer = page.locator("#playground-answer")
    expect(answer).to_contain_text("<img src=x onerror=alert(1)>")
    expect(answer.locator("img")).to_have_count(0)
    expect(page.get_by_role("region", name="Answer")).to_contain_text("HTTP 404")


def test_the_sample_follows_the_dialect_until_it_is_changed(
    live_page: Page, project: Project, admin_user: User
) -> None:
    page = live_page
    sign_in(page, admin_user, 1280, 900)
    page.goto("/admin/playground/")
    body = page.get_by_label("Body")
    place = page.get_by_label("Dialect and operation")

    place.select_option("gemini-generate")
    assert '"contents"' in body.input_value()
    place.select_option("openai-embeddings")
    expect(page.get_by_label("Stream the answer")).to_be_disabled()
    body.fill('{"input": "mine"}')
    place.select_option("openai-chat")

    assert body.input_value() == '{"input": "mine"}'
