"""`make run`: everything on this machine, from nothing to a first answer.

    python -m config.run [--end-with-parent] [--only web|worker|beat]

Starts the servers that are missing, brings the database up to date, keeps web
processes, worker, beat and the simulator running, and stops all of it together. With
`--only` it keeps up one part of an installation that is spread over several machines.
"""

import argparse
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from types import FrameType

from django.core.exceptions import ImproperlyConfigured

from config import development, env
from config.banner import FirstRun, banner
from config.draining import delay_seconds, drain_seconds
from config.embedded import ServerFailed
from config.lifeline import end_with_parent, follow_parent
from config.listener import PortTaken, listen
from config.programs import (
    beat_program,
    simulator_program,
    web_programs,
    worker_program,
)
from config.roles import ROLES, RoleUnready, run_role
from config.saying import say
from config.supervisor import Supervisor

READY_SECONDS = 90.0
# So many ends in a row, and the first start has failed for good.
HOPELESS_FAILURES = 6


class StartFailed(Exception):
    """The product did not come up; the message says what to look at."""


FAILURES = (ImproperlyConfigured, PortTaken, RoleUnready, ServerFailed, StartFailed)


class StopAsked(BaseException):
    """Ctrl-C, SIGTERM or a closed terminal."""


class Interrupts:
    """The first signal ends the run in good order, the next one at once."""

    def __init__(self) -> None:
        self.count = 0
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._take)

    def _take(self, number: int, frame: FrameType | None) -> None:
        self.count += 1
        if self.count == 1:
            raise StopAsked

    def is_hurried(self) -> bool:
        return self.count > 1

    def ignore_first(self) -> None:
        """Count a stop of our own making like one that was asked for."""
        self.count = max(self.count, 1)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m config.run")
    parser.add_argument("--end-with-parent", action="store_true")
    parser.add_argument("--only", choices=ROLES, help="one part of what is run")
    options = parser.parse_args()
    if options.end_with_parent:
        follow_parent()
    interrupts = Interrupts()
    try:
        if options.only:
            run_role(
                options.only, port(), interrupts.is_hurried, interrupts.ignore_first
            )
        else:
            run(interrupts)
    except StopAsked:
        return 0
    except FAILURES as failure:
        say(str(failure), sys.stderr)
        return 1
    return 0


def run(interrupts: Interrupts) -> None:
    """Start everything, say how to use it, and look after it until asked to stop."""
    development.prepare()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    os.environ["WEB_WORKERS"] = str(env.web_workers())
    web = listen(os.environ.get("SIGNALBOX_BIND") or "127.0.0.1", port())
    simulator = listen_for_simulator()
    say("Starting …")
    servers = development.servers()
    locks = tuple(servers.lock_fds.values())
    try:
        made = prepare_database()
        supervisor = Supervisor(stop_seconds=delay_seconds() + drain_seconds() + 10)
        try:
            supervisor.start(
                [simulator_program(simulator, locks), *web_programs(web, locks)]
            )
            wait_until_ready(supervisor, web)
            # These wait: starting side by side would delay the first answer.
            supervisor.start([worker_program(locks), beat_program(locks)])
            say(banner(url_of(web), made))
            while True:
                supervisor.look_after()
        finally:
            interrupts.ignore_first()
            say("Stopping …")
            supervisor.stop(interrupts.is_hurried)
    finally:
        interrupts.ignore_first()
        servers.stop()


def prepare_database() -> FirstRun:
    """Migrate, load the catalog and set up what a first run needs, in one process."""
    done = subprocess.run(
        [sys.executable, "-m", "config.prepare"],
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        process_group=0,
        preexec_fn=end_with_parent(signal.SIGTERM),
    )
    if done.returncode != 0:
        raise StartFailed("The database could not be brought up to date (see above).")
    lines = done.stdout.strip().splitlines()
    return FirstRun.from_report(json.loads(lines[-1]) if lines else {})


def wait_until_ready(supervisor: Supervisor, web: socket.socket) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not answers(web):
        if supervisor.failures() >= HOPELESS_FAILURES:
            raise StartFailed("A process ends again and again (see above).")
        if time.monotonic() > deadline:
            raise StartFailed(
                f"{url_of(web)}/health/readiness did not answer 200 "
                f"within {READY_SECONDS:.0f} s."
            )
        supervisor.look_after()


def answers(web: socket.socket) -> bool:
    host, number = web.getsockname()[:2]
    connection = http.client.HTTPConnection(reachable(host), number, timeout=2)
    try:
        connection.request("GET", "/health/readiness")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def listen_for_simulator() -> socket.socket:
    """Return the simulator's socket, on the port it had last when that is free."""
    try:
        sock = listen("127.0.0.1", development.kept_simulator_port() or 0)
    except PortTaken:
        sock = listen("127.0.0.1", 0)
    number = sock.getsockname()[1]
    file = development.simulator_port_file()
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"{number}\n")
    os.environ["SIGNALBOX_SIMULATOR_URL"] = development.simulator_url(number)
    return sock


def port() -> int:
    text = os.environ.get("PORT") or "8000"
    if not text.isdigit() or int(text) > 65535:
        raise StartFailed(f"PORT must be a number from 0 to 65535, not {text!r}.")
    return int(text)


def url_of(web: socket.socket) -> str:
    host, number = web.getsockname()[:2]
    return f"http://{reachable(host)}:{number}"


def reachable(host: str) -> str:
    return "127.0.0.1" if host in {"0.0.0.0", "::"} else host  # noqa: S104


if __name__ == "__main__":
    sys.exit(main())
