"""The supervisor, with small programs in place of the product's."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from config.embedded import CHECKOUT
from config.supervisor import Program, Running, Supervisor

pytestmark = pytest.mark.system

# Each program writes its process id where the test finds it.
STEADY = """
import os, pathlib, sys, time
pathlib.Path(sys.argv[1]).write_text(str(os.getpid()))
time.sleep(60)
"""
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + STEADY
SUPERVISED = """
import sys
from config.supervisor import Program, Supervisor
programs = [
    Program(name, [sys.executable, "-c", sys.argv[1], f"{sys.argv[2]}/{name}"])
    for name in ("one", "two")
]
supervisor = Supervisor(stop_seconds=5)
supervisor.start(programs)
while True:
    supervisor.look_after()
"""


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    made = Supervisor(stop_seconds=5)
    made.start([program(tmp_path, "one"), program(tmp_path, "two")])
    yield made
    made.stop(lambda: True)


def test_a_killed_program_is_restarted_and_the_rest_stays_up(
    tmp_path: Path, supervisor: Supervisor
) -> None:
    one, two = pid_in(tmp_path / "one"), pid_in(tmp_path / "two")
    (tmp_path / "one").unlink()

    os.kill(one, signal.SIGKILL)
    start = time.monotonic()
    while not (tmp_path / "one").exists():
        supervisor.look_after()

    assert time.monotonic() - start < 1.5
    assert pid_in(tmp_path / "one") != one
    assert psutil.pid_exists(two)


def test_a_stop_ends_everything(tmp_path: Path, supervisor: Supervisor) -> None:
    pids = [pid_in(tmp_path / "one"), pid_in(tmp_path / "two")]

    supervisor.stop(lambda: False)

    assert not any(psutil.pid_exists(pid) for pid in pids)


def test_a_program_that_ignores_the_stop_is_killed_in_the_end(tmp_path: Path) -> None:
    stubborn = program(tmp_path, "stubborn", source=STUBBORN)
    supervisor = Supervisor(stop_seconds=0.2)
    supervisor.start([stubborn])
    pid = pid_in(tmp_path / "stubborn")

    supervisor.stop(lambda: False)

    assert not psutil.pid_exists(pid)


def test_what_others_need_is_stopped_after_them(tmp_path: Path) -> None:
    source = (
        "import signal, sys, pathlib\n"
        "def end(*_):\n"
        "    with pathlib.Path(sys.argv[1]).with_name('order').open('a') as file:\n"
        "        file.write(pathlib.Path(sys.argv[1]).name + ' ')\n"
        "    sys.exit()\n"
        "signal.signal(signal.SIGTERM, end)\n" + STEADY
    )
    needed = program(tmp_path, "needed", source=source, stop_last=True)
    supervisor = Supervisor(stop_seconds=5)
    supervisor.start([needed, program(tmp_path, "user", source=source)])
    pid_in(tmp_path / "needed")
    pid_in(tmp_path / "user")

    supervisor.stop(lambda: False)

    assert (tmp_path / "order").read_text() == "user needed "


def test_a_program_that_ends_at_once_is_started_less_and_less_often() -> None:
    running = Running(Program("broken", [sys.executable, "-c", ""]))
    running.start()

    starts = 0
    deadline = time.monotonic() + 2
    while time.monotonic() < deadline:
        before = running.process
        running.look_after()
        starts += running.process is not before and running.process is not None
        time.sleep(0.02)
    if running.process is not None:
        running.process.wait()

    assert 2 <= starts <= 4


def test_nothing_is_left_when_the_supervisor_itself_is_killed(tmp_path: Path) -> None:
    supervisor = subprocess.Popen(
        [sys.executable, "-c", SUPERVISED, STEADY, str(tmp_path)], cwd=CHECKOUT
    )
    pids = [pid_in(tmp_path / "one"), pid_in(tmp_path / "two")]

    supervisor.kill()
    supervisor.wait()

    until(lambda: not any(psutil.pid_exists(pid) for pid in pids))


def program(
    folder: Path, name: str, *, source: str = STEADY, stop_last: bool = False
) -> Program:
    command = [sys.executable, "-c", source, str(folder / name)]
    return Program(name, command, stop_last=stop_last)


def pid_in(file: Path) -> int:
    """Return the process id that a program has written, waiting for it."""
    until(lambda: file.exists() and file.read_text())
    return int(file.read_text())


def until(condition: Callable[[], object], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
