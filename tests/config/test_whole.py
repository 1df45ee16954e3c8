"""The whole product as `make run` starts it, in a home folder of its own."""

import contextlib
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from config.embedded import CHECKOUT

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

UNSET = (
    "DATABASE_URL",
    "REDIS_URL",
    "SECRET_KEY",
    "SIGNALBOX_KEK",
    "SIGNALBOX_SIMULATOR_URL",
    "DEBUG",
    "DJANGO_SETTINGS_MODULE",
)


@dataclass
class Product:
    process: subprocess.Popen[str]
    home: Path
    banner: str

    def ask(self, key: str) -> tuple[int, str]:
        """Send the request that the banner shows."""
        found = re.search(r"http://(127\.0\.0\.1):(\d+)/v1", self.banner)
        assert found is not None
        connection = http.client.HTTPConnection(found[1], int(found[2]), timeout=10)
        body = {"model": "fast", "messages": [{"role": "user", "content": "Hello!"}]}
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        with contextlib.closing(connection):
            connection.request(
                "POST", "/v1/chat/completions", json.dumps(body), headers
            )
            reply = connection.getresponse()
            return reply.status, reply.read().decode()

    def processes(self, part: str = "") -> list[psutil.Process]:
        """Return what the supervisor has started, whoever its parent is by now."""
        return started_in(self.home, part)


@pytest.fixture(scope="module")
def first_banner(home: Path) -> str:
    """What the first run in this home folder printed; it has been stopped since."""
    product = launch(home)
    key = key_in(product.banner)
    assert product.ask(key)[0] == 200
    product.process.send_signal(signal.SIGTERM)
    assert product.process.wait(60) == 0
    until(lambda: not product.processes())
    return product.banner


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("whole") / "home"


@pytest.fixture
def product(home: Path, first_banner: str) -> Iterator[Product]:
    """A later run."""
    started = launch(home)
    yield started
    started.process.kill()
    started.process.wait()
    until(lambda: not started.processes())


def test_the_first_run_shows_the_login_and_a_key_that_works(first_banner: str) -> None:
    assert re.search(r"Login +admin / \S+", first_banner)
    assert key_in(first_banner).startswith("sb_")


def test_a_later_run_keeps_the_key_and_does_not_show_it(
    first_banner: str, product: Product
) -> None:
    key = key_in(first_banner)

    assert product.ask(key)[0] == 200
    assert key not in product.banner
    assert "issue_key demo" in product.banner


def test_a_killed_web_process_is_replaced_and_the_rest_stays_up(
    first_banner: str, product: Product
) -> None:
    before = {p.pid for p in product.processes()}
    killed = product.processes("config.web")[0]

    killed.kill()

    until(lambda: len(product.processes("config.web")) == 2)
    assert product.ask(key_in(first_banner))[0] == 200
    assert before - {killed.pid} <= {p.pid for p in product.processes()}


def test_nothing_is_left_when_the_supervisor_is_killed(product: Product) -> None:
    assert product.processes("config.web")
    assert product.processes("postgres")

    product.process.kill()
    product.process.wait()

    until(lambda: not product.processes())


def key_in(banner: str) -> str:
    found = re.search(r"Bearer (sb_\w+)", banner)
    assert found is not None, banner
    return found[1]


def launch(home: Path) -> Product:
    environment = {k: v for k, v in os.environ.items() if k not in UNSET}
    environment |= {"SIGNALBOX_HOME": str(home), "PORT": "0", "WEB_WORKERS": "2"}
    with (home.parent / "errors.log").open("a") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "config.run"],
            cwd=CHECKOUT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    assert process.stdout is not None
    banner = ""
    with process.stdout as pipe:
        for line in pipe:
            banner += line
            if "Ctrl-C stops everything" in line:
                return Product(process, home, banner)
    raise AssertionError((home.parent / "errors.log").read_text() + banner)


def started_in(home: Path, part: str) -> list[psutil.Process]:
    """Return all processes that work for this home folder, the supervisor apart."""
    found = []
    for process in psutil.process_iter():
        try:
            line = " ".join(process.cmdline())
            if "config.run" in line or process.status() == psutil.STATUS_ZOMBIE:
                continue
            its_home = process.environ().get("SIGNALBOX_HOME")
            if part in line and (str(home) in line or its_home == str(home)):
                found.append(process)
        except psutil.Error:
            continue
    return found


def until(condition: Callable[[], object], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)
