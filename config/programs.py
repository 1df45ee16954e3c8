"""The programs of an installation, as one machine runs them."""

import os
import socket
import sys

from config import env
from config.supervisor import Program

_ROOT_WARNING = "ignore:You're running the worker with superuser privileges"
_MODULE = (sys.executable, "-m")
_CELERY = (sys.executable, "-W", _ROOT_WARNING, "-m", "celery", "--quiet")


def web_programs(web: socket.socket, locks: tuple[int, ...] = ()) -> list[Program]:
    """Return the web processes, which accept on one socket."""
    fd = web.fileno()
    return [
        Program(
            f"web {number}",
            [*_MODULE, "config.web", "--fd", str(fd)],
            fds=(fd, *locks),
        )
        for number in range(1, env.web_workers() + 1)
    ]


def simulator_program(simulator: socket.socket, locks: tuple[int, ...]) -> Program:
    fd = simulator.fileno()
    return Program(
        "simulator",
        [*_MODULE, "gateway.simulator", "--fd", str(fd)],
        fds=(fd, *locks),
        stop_last=True,
    )


def worker_program(locks: tuple[int, ...] = ()) -> Program:
    """Return the Celery worker, which needs threads only."""
    worker = ["worker", "--pool=threads", "--concurrency=4"]
    alone = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    command = [*_CELERY, "-A", "config", *worker, *alone, _level()]
    return Program("worker", command, fds=locks)


def beat_program(locks: tuple[int, ...] = ()) -> Program:
    """Return the scheduler of what is done from time to time."""
    return Program("beat", [*_CELERY, "-A", "config", "beat", _level()], fds=locks)


def _level() -> str:
    return f"--loglevel={os.environ.get('LOG_LEVEL') or 'INFO'}"
