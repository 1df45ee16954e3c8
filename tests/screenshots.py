"""Pictures of the running product for the README: `make screenshots`.

Starts Signalbox as `make run` does, in a folder of its own, lets a week of work pass
through the simulator, and photographs what an operator looks at.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import openai
from playwright.sync_api import Page, sync_playwright

from config.embedded import CHECKOUT
from tests.browser.conftest import ARGUMENTS, NAMES
from tests.config.test_whole import Product, key_in, launch, until

PICTURES = CHECKOUT / "docs" / "images"
SIZE: Any = {"width": 1280, "height": 800}

ALIASES = ("fast", "fast", "fast", "smart", "code", "cheap", "creative")
FEATURES = ("search", "summaries", "support", "drafts")
QUESTIONS = (
    "What changed in the contract since March?",
    "Summarize this thread for somebody who was away.",
    "Draft a kind reply that says no.",
    "Which of these invoices is twice in the list?",
)

ASKED = 80

# Each request of today stands for some of the week before, at its own hour of the day.
SPREAD = """
import random
import time
from datetime import timedelta
from usage import partitions
from usage.models import TouchedHour, UsageEvent
from uuid_utils.compat import uuid7

random.seed(7)
# Every process hands over by and by what it wrote down.
deadline = time.monotonic() + 60
while UsageEvent.objects.count() < ASKED and time.monotonic() < deadline:
    time.sleep(0.5)
made = []
for event in UsageEvent.objects.all():
    for back in range(1, 7 * 24):
        day, hour = divmod(back, 24)
        busy = 0.9 if 6 < hour < 18 else 0.25
        if random.random() > busy * 0.35:
            continue
        event.pk, event.request_id = uuid7(), uuid7()
        when = event.occurred_at - timedelta(hours=back, minutes=random.randrange(50))
        made.append(UsageEvent(**{
            field.attname: getattr(event, field.attname)
            for field in UsageEvent._meta.concrete_fields
        } | {"occurred_at": when}))
UsageEvent.objects.bulk_create(made, batch_size=2000)
partitions.maintain()
hours = {event.occurred_at.replace(minute=0, second=0, microsecond=0) for event in made}
TouchedHour.objects.bulk_create(TouchedHour(hour=hour) for hour in hours)
"""


def main() -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="signalbox-screenshots-"))
    product = launch(folder / "home")
    try:
        request_id = work(product)
        with sync_playwright() as playwright:
            path = next(filter(None, map(shutil.which, NAMES)))
            browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
            page = browser.new_page(base_url=url_of(product), viewport=SIZE)
            photograph(page, product, request_id)
            browser.close()
    finally:
        product.process.terminate()
        product.process.wait(60)
        until(lambda: not product.processes())
        shutil.rmtree(folder, ignore_errors=True)


def work(product: Product) -> str:
    """Send what a few teams would send; return the id of a request that fell back."""
    with openai.OpenAI(
        base_url=f"{url_of(product)}/v1", api_key=key_in(product.banner)
    ) as client:
        for number in range(ASKED):
            client.chat.completions.create(
                model=ALIASES[number % len(ALIASES)],
                messages=[{"role": "user", "content": question(number)}],
                extra_headers={
                    "x-signalbox-user": f"user-{number % 9}",
                    "x-signalbox-feature": FEATURES[number % 3],
                },
            )
        fallen_back = client.chat.completions.with_raw_response.create(
            model="simulator/sim-fault-500",
            messages=[{"role": "user", "content": QUESTIONS[0]}],
            extra_body={"models": ["smart"]},
            extra_headers={"x-signalbox-feature": "support"},
        )
    manage(product, "shell", "-c", SPREAD.replace("ASKED", str(ASKED)))
    manage(product, "roll_up")
    return str(fallen_back.headers["x-request-id"])


def question(number: int) -> str:
    """Return what is asked; every fourth time what was asked before."""
    text = QUESTIONS[number % 4]
    return text if number % 4 == 0 else f"{text} (part {number})"


def photograph(page: Page, product: Product, request_id: str) -> None:
    page.goto("/admin/")
    page.fill("#id_username", "admin")
    page.fill("#id_password", password_in(product))
    page.click("button[type=submit]")
    page.wait_for_load_state("networkidle")
    page.goto("/admin/?days=7")
    page.wait_for_load_state("networkidle")
    page.screenshot(path=PICTURES / "dashboard.png")

    page.goto("/admin/requests/")
    page.get_by_label("Request id").fill(request_id)
    page.get_by_role("button", name="Find").click()
    page.get_by_role("region", name="Timeline").wait_for()
    page.screenshot(path=PICTURES / "request.png")

    page.goto("/admin/playground/")
    page.get_by_label("Alias or model").fill("smart")
    page.get_by_role("button", name="Run").click()
    page.get_by_role("region", name="Explanation").wait_for()
    page.get_by_text("HTTP 200").wait_for()
    page.evaluate("window.scrollTo(0, 0)")
    page.screenshot(path=PICTURES / "playground.png")


def url_of(product: Product) -> str:
    found = re.search(r"(http://[\d.]+:\d+)/v1", product.banner)
    assert found is not None, product.banner
    return found[1]


def password_in(product: Product) -> str:
    found = re.search(r"Login +admin / (\S+)", product.banner)
    assert found is not None, product.banner
    return found[1]


def manage(product: Product, *arguments: str) -> None:
    subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=CHECKOUT,
        env={**os.environ, "SIGNALBOX_HOME": str(product.home)},
        check=True,
    )


if __name__ == "__main__":
    main()
