"""How soon several processes see a change."""

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.db import connection

from catalog.models import AIModel
from tests.gateway.rows import make_model, make_provider, run_sql

CHECKOUT = Path(__file__).resolve().parents[3]
CHANGES = 100


def save_model(n: int) -> None:
    model = AIModel.objects.get()
    model.context_window = n
    model.save()


WAYS: list[Callable[[int], object]] = [
    save_model,
    lambda n: AIModel.objects.update(context_window=n),
    lambda n: run_sql(f"UPDATE catalog_aimodel SET context_window = {n}"),
]


@contextmanager
def watcher(model: AIModel) -> Iterator["subprocess.Popen[str]"]:
    url = urlsplit(os.environ["DATABASE_URL"])
    url = url._replace(path=f"/{connection.settings_dict['NAME']}")
    with subprocess.Popen(
        [sys.executable, "-m", "tests.gateway.watch_snapshot", str(model.pk)],
        cwd=CHECKOUT,
        env=os.environ | {"DATABASE_URL": url.geturl()},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.long
@pytest.mark.django_db(transaction=True)
def test_two_processes_see_95_of_100_changes_within_a_second() -> None:
    model = make_model(make_provider(), context_window=CHANGES + 1)
    with watcher(model) as first, watcher(model) as second:
        committed = make_changes()
        outputs = [each.communicate(timeout=20)[0] for each in (first, second)]

    for output in outputs:
        seen = {int(n): float(at) for n, at in map(str.split, output.splitlines())}
        # A state that was replaced before it was read counts until its successor.
        delays = sorted(
            min(at for later, at in seen.items() if later <= n) - moment
            for n, moment in committed.items()
        )

        assert delays[95] <= 1.0, delays


def make_changes() -> dict[int, float]:
    """Count the context window down to 0, and return when each state was committed."""
    committed: dict[int, float] = {}
    for n in range(CHANGES, -1, -1):
        random.choice(WAYS)(n)
        committed[n] = time.time()
        time.sleep(0.05 + random.random() * 0.1)
    return committed
