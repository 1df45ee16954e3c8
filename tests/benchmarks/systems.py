"""The three things that are loaded: the simulator itself, a bare relay, the gateway."""

import base64
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil
import psycopg

from config import embedded
from tests.benchmarks.machine import CHECKOUT, Cores

START_SECONDS = 60.0
STOP_SECONDS = 40.0


@dataclass
class System:
    """Something that answers chat requests, and how to ask it."""

    name: str
    url: str
    model: str
    key: str = "none"
    answered: int = field(default=0)
    connections: int = field(default=0)
    pid: int = 0
    headers: dict[str, str] = field(default_factory=dict)

    def cpu_seconds(self) -> float:
        """Return the processor time that its process has used so far."""
        times = psutil.Process(self.pid).cpu_times()
        return float(times.user + times.system)

    def body(self, upstream: str = "openai") -> dict[str, object]:
        """Return a request for an answer of a provider that speaks this protocol."""
        model = self.model if upstream == "openai" else f"{self.model}-{upstream}"
        return {"model": model, "messages": [{"role": "user", "content": "Hello"}]}


class DidNotStart(Exception):
    """A server exited, or did not answer in time."""


@contextmanager
def bare_relay(cores: Cores, upstream: str) -> Iterator[System]:
    command = [sys.executable, "-m", "tests.benchmarks.bare_relay", upstream]
    process, url = cores.start_measured(command, dict(os.environ))
    system = System("bare relay", url, "sim-bench", pid=process.pid)
    try:
        wait_for_answer(system, process)
        yield system
    finally:
        stop(process)


@dataclass
class Storage:
    """PostgreSQL and Redis in a folder of their own, and the environment for them."""

    home: Path
    environment: dict[str, str]

    def count(self, condition: str = "true") -> int:
        """Return the number of usage events that meet a condition."""
        query = f"SELECT count(*) FROM usage_usageevent WHERE {condition}"
        with psycopg.connect(self.environment["DATABASE_URL"]) as connection:
            found = connection.execute(query.encode()).fetchone()
        return int(found[0]) if found else 0


@contextmanager
def storage() -> Iterator[Storage]:
    """Start the embedded servers, as durable as `make run` does, and migrate."""
    home = Path(tempfile.mkdtemp(prefix="signalbox-bench-"))
    os.environ.pop("DATABASE_URL", None)
    os.environ.pop("REDIS_URL", None)
    try:
        with embedded.start(home) as servers:
            environment = {
                **os.environ,
                "SIGNALBOX_HOME": str(home),
                "DATABASE_URL": servers.database_url,
                "REDIS_URL": servers.redis_url,
                "DEBUG": "false",
                "LOG_LEVEL": "WARNING",
                "SECRET_KEY": secrets.token_hex(32),
                "SIGNALBOX_KEK": "bench:"
                + base64.b64encode(secrets.token_bytes(32)).decode(),
                "WEB_WORKERS": "1",
            }
            run_python(["manage.py", "migrate", "--verbosity=0"], environment)
            yield Storage(home, environment)
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def gateway(
    cores: Cores, store: Storage, upstream: str, profile: Path | None = None
) -> Iterator[System]:
    """Start one web process with everything switched on."""
    key = run_python(["-m", "tests.benchmarks.rows", upstream], store.environment)
    module = ["-m", "config.web"]
    if profile is not None:
        module = ["-m", "tests.benchmarks.profiled_web", str(profile)]
    command = [sys.executable, *module]
    process, url = cores.start_measured(command, store.environment)
    system = System("gateway", url, "bench", key, pid=process.pid)
    try:
        wait_for_answer(system, process)
        yield system
    finally:
        stop(process)


def run_python(arguments: list[str], environment: dict[str, str]) -> str:
    """Run a program to its end; return the last line of what it printed."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=CHECKOUT,
        env=environment,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return (done.stdout.strip().splitlines() or [""])[-1]


def wait_for_answer(
    system: System,
    process: "subprocess.Popen[bytes]",
    seconds: float = START_SECONDS,
) -> None:
    """Wait until the server answers a request well; that one is counted, too."""
    headers = {"authorization": f"Bearer {system.key}", **system.headers}
    deadline = time.monotonic() + seconds
    said = ""
    while time.monotonic() < deadline and process.poll() is None:
        try:
            answer = httpx.post(
                f"{system.url}/v1/chat/completions", json=system.body(), headers=headers
            )
        except httpx.TransportError:
            time.sleep(0.05)
            continue
        if answer.status_code == httpx.codes.OK:
            system.answered += 1
            return
        said = f" It last said: {answer.text[:300]}"
        time.sleep(0.2)
    raise DidNotStart(f"The {system.name} does not answer.{said}")


def stop(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
