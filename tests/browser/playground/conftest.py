"""A browser in front of a running gateway, with a simulated provider behind it."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page

from tests.gateway.conftest import (
    live,
    offer,
    project,
    provider,
    running_upstream,
    upstream,
)
from tests.gateway.live import LiveGateway
from tests.gateway.playground.conftest import running_gateway

__all__ = [
    "live",
    "offer",
    "project",
    "provider",
    "running_gateway",
    "running_upstream",
    "upstream",
]


@pytest.fixture
def live_page(browser: Browser, live: LiveGateway) -> Iterator[Page]:
    """A logged-out page; whatever it writes to the console fails the test."""
    context = browser.new_context(base_url=live.url)
    context.set_default_timeout(15_000)
    page = context.new_page()
    complaints: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            complaints.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    assert complaints == []
