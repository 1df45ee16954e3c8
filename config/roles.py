"""A part of an installation whose servers are elsewhere: `python -m config.run --only web`.

Nothing is prepared and nothing embedded: PostgreSQL, Redis and the secrets are named by the
environment, and the database was brought up to date by `python -m config.prepare`.
"""

import os
import socket
from collections.abc import Callable

from config import env
from config.draining import delay_seconds, drain_seconds
from config.listener import listen
from config.programs import beat_program, web_programs, worker_program
from config.saying import say
from config.supervisor import Program, Supervisor

ROLES = ("web", "worker", "beat")

_ALL = "0.0.0.0"  # noqa: S104
_NEEDED = ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "SIGNALBOX_KEK")


class RoleUnready(Exception):
    """Something has to be set first; the message says what."""


def run_role(
    role: str,
    port: int,
    is_hurried: Callable[[], bool],
    ignore_first: Callable[[], None],
) -> None:
    """Keep the processes of a role up until asked to stop."""
    missing = [name for name in _NEEDED if not os.environ.get(name)]
    if missing:
        msg = f"--only {role} needs {', '.join(missing)} in the environment."
        raise RoleUnready(msg)
    os.environ["SIGNALBOX_EMBEDDED"] = "off"
    os.environ["WEB_WORKERS"] = str(env.web_workers())
    # Held until the end: the web processes accept on it by its number.
    web = (
        listen(os.environ.get("SIGNALBOX_BIND") or _ALL, port)
        if role == "web"
        else None
    )
    programs = _programs(role, web)
    supervisor = Supervisor(stop_seconds=delay_seconds() + drain_seconds() + 10)
    try:
        supervisor.start(programs)
        say(f"Started: {', '.join(program.name for program in programs)}")
        while True:
            supervisor.look_after()
    finally:
        ignore_first()
        say("Stopping …")
        supervisor.stop(is_hurried)


def _programs(role: str, web: socket.socket | None) -> list[Program]:
    if web is not None:
        return web_programs(web)
    return [worker_program() if role == "worker" else beat_program()]
