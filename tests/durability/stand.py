"""A whole installation that a test may hurt: servers, web processes, a simulator.

Everything lives in a folder of its own and is started by the test itself, so that each
part can be stopped, frozen or killed by its process id.
"""

import base64
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg
import redis

from config.embedded import CHECKOUT, places
from config.embedded import postgres as postgres_server
from config.embedded import redis as redis_server
from config.listener import listen
from gateway.simulator.handle import SimulatorProcess
from tests import database_template
from tests.durability.console import Console
from usage.shipper import TURN_SECONDS

START_SECONDS = 60.0
STOP_SECONDS = 60.0


class Server:
    """PostgreSQL or Redis, with a keeper that does only what the test says."""

    def __init__(self, module: Any, home: Path, *, throwaway: bool) -> None:
        self._module = module
        self._home = home
        self._throwaway = throwaway
        self._log = (home / "log" / f"{module.__name__}.log").open("ab")
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = self._module.launch(
            self._home, self._log, throwaway=self._throwaway
        )
        until(lambda: self._module.is_ready(self._home), at_most=START_SECONDS)

    def send(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def freeze(self) -> None:
        """Stop it and its children where they are; `thaw` lets them go on."""
        assert self.process is not None
        own = psutil.Process(self.process.pid)
        for each in (own, *own.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                each.suspend()

    def thaw(self) -> None:
        assert self.process is not None
        own = psutil.Process(self.process.pid)
        for each in (own, *own.children(recursive=True)):
            # A backend may end at any moment.
            with suppress(psutil.NoSuchProcess):
                each.resume()

    def stop(self, number: signal.Signals | None = None) -> None:
        """End it in good order, or by that signal."""
        if self.process is None or self.process.poll() is not None:
            return
        self.thaw()
        self.send(number or self._module.STOP_SIGNAL)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def close(self) -> None:
        self.stop()
        self._log.close()


class Web:
    """One web process and its listening socket, which outlives it."""

    def __init__(self, number: int, sock: socket.socket, stand: "Stand") -> None:
        self.number = number
        self.sock = sock
        self.url = f"http://127.0.0.1:{sock.getsockname()[1]}"
        self._stand = stand
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def start(self, **environment: str) -> None:
        log = self._stand.home / "log" / f"web-{self.number}.log"
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    self._stand.web_module,
                    "--fd",
                    str(self.sock.fileno()),
                ],
                cwd=CHECKOUT,
                env={**self._stand.environment, **environment},
                pass_fds=[self.sock.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

    def wait_until_ready(self) -> None:
        until(lambda: self.readiness() == (200, "ready"), at_most=START_SECONDS)

    def readiness(self) -> tuple[int, str]:
        try:
            answer = httpx.get(f"{self.url}/health/readiness", timeout=2)
        except httpx.TransportError:
            return 0, ""
        return answer.status_code, answer.text.strip()

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def ask_to_stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)

    def stop(self) -> int | None:
        """End it in good order and return its exit code."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.ask_to_stop()
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()
        return self.process.returncode

    def connections(self) -> list[Any]:
        """Return its TCP connections, those it listens on apart."""
        return [
            each
            for each in psutil.Process(self.pid).net_connections(kind="tcp")
            if each.status != psutil.CONN_LISTEN
        ]

    def client_connections(self) -> list[Any]:
        """Return the connections that clients have to it."""
        port = self.sock.getsockname()[1]
        return [each for each in self.connections() if each.laddr.port == port]

    def rss_mb(self) -> float:
        return float(psutil.Process(self.pid).memory_info().rss) / 2**20

    def cpu_seconds(self) -> float:
        times = psutil.Process(self.pid).cpu_times()
        return float(times.user + times.system)


class Stand:
    """The installation; `console` does what an operator does."""

    def __init__(
        self,
        home: Path,
        *,
        throwaway: bool,
        webs: int,
        shared: bool,
        web_module: str = "config.web",
    ) -> None:
        self.home = home
        self.web_module = web_module
        (home / "log").mkdir()
        self.spool = home / "spool"
        self.ledger = home / "ledger"
        self.environment = _environment(home, webs)
        self.postgres = Server(postgres_server, home, throwaway=throwaway)
        self.redis = Server(redis_server, home, throwaway=True)
        sockets = [listen("127.0.0.1", 0) for _ in range(1 if shared else webs)]
        self.webs = [
            Web(number, sockets[number % len(sockets)], self) for number in range(webs)
        ]
        self._ending = ExitStack()
        for sock in sockets:
            self._ending.callback(sock.close)
        self._simulator: SimulatorProcess | None = None
        self._console: Console | None = None

    @property
    def simulator(self) -> SimulatorProcess:
        assert self._simulator is not None
        return self._simulator

    @property
    def console(self) -> Console:
        assert self._console is not None
        return self._console

    def start(self) -> None:
        """Start everything; what has been started ends with `close`."""
        database_template.lay_out(self.home)
        for kind in ("postgres", "redis"):
            self._ending.callback(places.remove_socket_folder, self.home, kind)
        for server in (self.postgres, self.redis):
            self._ending.callback(server.close)
            server.start()
        database_template.take_over(self.home)
        # It takes a while to start, and need not be waited for yet.
        self._console = Console(self.environment)
        self._ending.callback(self._console.close)
        arguments = ["--any-model", "--ledger", str(self.ledger)]
        self._simulator = self._ending.enter_context(SimulatorProcess(arguments))
        self._console.make_catalog(self._simulator.url)
        for web in self.webs:
            self._ending.callback(web.stop)
            web.start()
        for web in self.webs:
            web.wait_until_ready()

    def close(self) -> None:
        for server in (self.postgres, self.redis):
            if server.process is not None and server.process.poll() is None:
                server.thaw()
        # All at once, and then each is waited for.
        for web in self.webs:
            web.ask_to_stop()
        self._ending.close()

    def forget(self) -> None:
        """Begin to count from nothing, for the next test."""
        self.forget_calls()
        # What killed processes held would come back only after a minute.
        with self._redis_client() as client:
            client.flushdb()

    def forget_calls(self) -> None:
        time.sleep(2 * TURN_SECONDS)
        self.sql("TRUNCATE usage_usageevent")
        os.truncate(self.ledger, 0)
        self.simulator.reset()

    @property
    def urls(self) -> list[str]:
        return [web.url for web in self.webs]

    def sql(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Run one statement, committed at once, and return its rows."""
        with psycopg.connect(
            self.environment["DATABASE_URL"], autocommit=True
        ) as connection:
            cursor = connection.execute(statement.encode(), values or None)
            return cursor.fetchall() if cursor.description else []

    def held_leases(self) -> int:
        """Return how many requests Redis takes to be running."""
        with self._redis_client() as client:
            keys: Any = client.keys("sb:lim:*concurrency")
            return sum(int(client.zcard(key)) for key in keys)

    def longest_lease_seconds(self) -> float:
        """Return when the last lease in Redis ends, if nobody gives it back."""
        with self._redis_client() as client:
            keys: Any = client.keys("sb:lim:*concurrency")
            return max((int(client.pttl(key)) / 1000 for key in keys), default=0.0)

    def _redis_client(self) -> "redis.Redis[bytes]":
        return redis.Redis(unix_socket_path=str(places.redis_socket(self.home)))

    def logs(self) -> str:
        """Return what the web processes have written."""
        paths = sorted((self.home / "log").glob("web-*.log"))
        return "".join(path.read_text(errors="replace") for path in paths)

    def spooled(self) -> bytes:
        """Return what stands in the spool at this moment."""
        found = b""
        for path in self.spool.rglob("*.spool"):
            try:
                found += path.read_bytes()
            except FileNotFoundError:
                continue
        return found


def _environment(home: Path, webs: int) -> dict[str, str]:
    key = base64.b64encode(secrets.token_bytes(32)).decode()
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "SIGNALBOX_HOME": str(home),
        "SIGNALBOX_EMBEDDED": "off",
        "DATABASE_URL": places.database_url(home),
        "REDIS_URL": places.redis_url(home),
        "DEBUG": "false",
        "ALLOWED_HOSTS": "*",
        "LOG_LEVEL": "INFO",
        "SECRET_KEY": secrets.token_hex(32),
        "SIGNALBOX_KEK": f"k1:{key}",
        "WEB_WORKERS": str(webs),
    }


@contextmanager
def stand(
    *,
    throwaway: bool = True,
    webs: int = 2,
    shared: bool = False,
    web_module: str = "config.web",
) -> Iterator[Stand]:
    """Start an installation, and end it whatever the test did to it.

    A throwaway one does not wait for the disk. Web processes have a socket each, unless
    they share one, and run that module.
    """
    home = Path(tempfile.mkdtemp(prefix="sb-"))
    made = Stand(
        home, throwaway=throwaway, webs=webs, shared=shared, web_module=web_module
    )
    try:
        made.start()
        yield made
    finally:
        made.close()
        shutil.rmtree(home, ignore_errors=True)


def until(
    condition: Callable[[], object], *, at_most: float, step: float = 0.02
) -> float:
    """Wait for the condition and return how long it took; too long is a failure."""
    began = time.monotonic()
    while not condition():
        waited = time.monotonic() - began
        assert waited < at_most, f"it did not happen within {at_most} s"
        time.sleep(step)
    return time.monotonic() - began
