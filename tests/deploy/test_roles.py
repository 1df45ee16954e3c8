"""Each role of an installation that is spread out, run as its container runs it."""

import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.db import connection

from config.embedded import CHECKOUT
from tests.usage.receiving import free_port

pytestmark = pytest.mark.system

SECRETS = {
    "SECRET_KEY": "made-up-for-a-test",
    "SIGNALBOX_KEK": "k1:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
}


def variables(home: Path) -> dict[str, str]:
    given = urlsplit(os.environ["DATABASE_URL"])
    database = given._replace(path=f"/{connection.settings_dict['NAME']}")
    return {
        **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
        **SECRETS,
        "DATABASE_URL": database.geturl(),
        "REDIS_URL": settings.REDIS_URL,
        "SIGNALBOX_HOME": str(home),
        "SIGNALBOX_DRAIN_SECONDS": "2",
        "MPLCONFIGDIR": str(home),
        "WEB_WORKERS": "2",
    }


@contextmanager
def running(role: str, home: Path, **more: str) -> Iterator[Path]:
    """Run a role, and end it as an orchestrator does; yield where it says what it does."""
    said = home.parent / f"{role}.log"
    with said.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "config.run", "--only", role],
            cwd=CHECKOUT,
            env=variables(home) | more,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        yield said
        assert process.poll() is None, said.read_text()
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0, said.read_text()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def until_said(said: Path, word: str, seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while word not in said.read_text():
        assert time.monotonic() < deadline, said.read_text()
        time.sleep(0.05)


def readiness(port: int) -> int:
    asking = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        asking.request("GET", "/health/readiness")
        return asking.getresponse().status
    except OSError:
        return 0
    finally:
        asking.close()


@pytest.fixture
def home(tmp_path: Path, transactional_db: None) -> Path:
    connection.close()
    return tmp_path / "home"


def test_web_serves_from_as_many_processes_as_it_is_told(home: Path) -> None:
    port = free_port()

    with running("web", home, PORT=str(port), SIGNALBOX_BIND="127.0.0.1") as said:
        until_said(said, "Started: web 1, web 2")
        deadline = time.monotonic() + 90
        while readiness(port) != 200:
            assert time.monotonic() < deadline, said.read_text()
            time.sleep(0.1)

    assert readiness(port) == 0


@pytest.mark.parametrize(
    ("role", "word"), [("worker", "ready."), ("beat", "beat: Starting")]
)
def test_worker_and_beat_run_alone_and_end_when_asked(
    home: Path, role: str, word: str
) -> None:
    before = set(CHECKOUT.iterdir())

    with running(role, home) as said:
        until_said(said, word)

    # All that a role writes is in its home; the root of a container is read-only.
    fresh = {path.name for path in set(CHECKOUT.iterdir()) - before}
    assert not {name for name in fresh if "celery" in name}


def test_a_role_says_what_it_lacks(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "config.run", "--only", "worker"],
        cwd=CHECKOUT,
        env={"PATH": os.environ["PATH"], "SECRET_KEY": "x", "DATABASE_URL": "x://"},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )

    assert done.returncode == 1
    assert "--only worker needs REDIS_URL, SIGNALBOX_KEK" in done.stderr
