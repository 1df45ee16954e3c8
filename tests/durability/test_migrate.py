"""The newest migrations are applied while requests are served, and nobody notices."""

import os
import subprocess
import sys
import time

import pytest

from config.embedded import CHECKOUT
from tests.durability.bills import check_exact, check_nothing_left, wait_until_stored
from tests.durability.conftest import Note
from tests.durability.load import Load, percentile
from tests.durability.stand import Stand, stand, until
from tests.durability.test_postgres_outage import ask

APPS = ("workflows", "usage", "catalog", "tenants")
# How many of each app's migrations the database is behind.
BEHIND = 2
UNDO = """
import sys, django
django.setup()
from django.core.management import call_command
for target in sys.argv[1:]:
    call_command("migrate", *target.split(), verbosity=0)
"""
MIGRATE = """
import django
django.setup()
from config.migrating import migrate
migrate()
"""


@pytest.mark.long
@pytest.mark.timeout(1_200)
def test_the_newest_migrations_run_under_load_and_no_request_fails_s12(
    note: Note,
) -> None:
    with stand() as made:
        key = made.console.new_key()
        for web in made.webs:
            assert ask(web, key).status_code == 200
        with Load(made.urls, key, rate=50, streams=4) as load:
            time.sleep(1.0)
            begun = time.monotonic()
            run(made, UNDO, *(f"{app} {before_newest(app)}" for app in APPS))
            behind = time.monotonic()
            assert applied(made) < all_there_are()
            # As every installation does before it starts.
            run(made, MIGRATE)
            done = time.monotonic()
            for web in made.webs:
                until(lambda web=web: web.readiness() == (200, "ready"), at_most=30)  # type: ignore[misc]
            time.sleep(1.0)
        wait_until_stored(made, at_most=30)

        assert applied(made) == all_there_are()
        bad = [answer for answer in load.answers if not answer.went_well]
        assert not bad, bad[:3]
        check_exact(made)
        check_nothing_left(made)
    during = [each.seconds for each in load.between(begun, done) if not each.streamed]
    note("requests (failed)", (len(load.answers), len(bad)))
    note("s to undo and to apply", (round(behind - begun, 1), round(done - behind, 1)))
    note("p99 ms meanwhile", round(percentile(during, 0.99) * 1000, 1))


def before_newest(app: str) -> str:
    """Return the number of the migration to go back to."""
    *older, _ = numbers_of(app)[-BEHIND - 1 :]
    return older[0] if len(older) == BEHIND else numbers_of(app)[0]


def numbers_of(app: str) -> list[str]:
    files = (CHECKOUT / app / "migrations").glob("[0-9]*.py")
    return sorted(file.name[:4] for file in files)


def all_there_are() -> int:
    return sum(len(numbers_of(app)) for app in APPS)


def applied(made: Stand) -> int:
    count: int = made.sql(
        "SELECT count(*) FROM django_migrations WHERE app = ANY(%s)", list(APPS)
    )[0][0]
    return count


def run(made: Stand, program: str, *arguments: str) -> None:
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program, *arguments],
        cwd=CHECKOUT,
        env={**os.environ, **made.environment},
        stdout=subprocess.DEVNULL,
        check=True,
    )
