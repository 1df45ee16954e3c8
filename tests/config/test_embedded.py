"""The embedded servers, for real: each test starts its own."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
import redis

from config import embedded
from config.embedded import places

pytestmark = pytest.mark.system

SLEEPER = """
import sys, time
from pathlib import Path
from typing import Any
from config import embedded
embedded.start(Path(sys.argv[1]), throwaway=True)
print("started", flush=True)
time.sleep(60)
"""


@pytest.fixture(autouse=True)
def _no_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL")
    monkeypatch.delenv("REDIS_URL")


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "home"
    until(lambda: not processes_of(tmp_path))


def test_both_servers_answer_and_end_with_their_user(home: Path) -> None:
    with embedded.start(home, throwaway=True) as servers:
        assert database_name(servers) == "signalbox"
        assert is_redis_up(servers)

    until(lambda: not processes_of(home), seconds=1)


def test_data_are_kept_for_the_next_time(home: Path) -> None:
    with embedded.start(home) as servers:
        redis_of(servers, lambda client: client.set("name", "value"))
        execute(servers, "CREATE TABLE kept (id int)")

    with embedded.start(home) as servers:
        assert redis_of(servers, lambda client: client.get("name")) == b"value"
        execute(servers, "SELECT id FROM kept")


def test_a_second_user_shares_the_servers_and_outlives_the_first(home: Path) -> None:
    first = embedded.start(home, throwaway=True)
    second = embedded.start(home, throwaway=True)

    first.stop()

    assert (second.database_url, second.redis_url) == (
        first.database_url,
        first.redis_url,
    )
    assert database_name(second) == "signalbox"
    assert is_redis_up(second)
    second.stop()
    until(lambda: not processes_of(home), seconds=1)


def test_given_addresses_start_nothing(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://elsewhere/signalbox")
    monkeypatch.setenv("REDIS_URL", "redis://elsewhere/0")

    with embedded.start(home) as servers:
        assert servers.database_url == "postgresql://elsewhere/signalbox"
        assert servers.redis_url == "redis://elsewhere/0"
        assert not home.exists()


def test_only_what_is_missing_is_started(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://elsewhere/signalbox")

    with embedded.start(home, throwaway=True) as servers:
        assert servers.database_url == "postgresql://elsewhere/signalbox"
        assert is_redis_up(servers)
        assert not (home / "postgres").exists()


def test_off_starts_nothing_and_says_what_to_set(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNALBOX_EMBEDDED", "off")

    with pytest.raises(embedded.ServerFailed, match="set DATABASE_URL and REDIS_URL"):
        embedded.start(home)

    assert not home.exists()


def test_a_home_too_deep_for_a_socket_path_works(home: Path) -> None:
    deep = home / ("d" * 60) / ("e" * 60)

    with embedded.start(deep, throwaway=True) as servers:
        assert database_name(servers) == "signalbox"
        assert is_redis_up(servers)
    assert not places.socket_folder(deep, "postgres").parent.exists()


def test_the_servers_end_when_their_only_user_is_killed(home: Path) -> None:
    user = start_user(home)

    user.kill()
    user.wait()

    until(lambda: not processes_of(home))


def test_a_start_succeeds_after_everything_was_killed(home: Path) -> None:
    servers = embedded.start(home)
    execute(servers, "CREATE TABLE kept (id int)")
    for process in processes_of(home):
        process.kill()
    servers.stop()

    with embedded.start(home) as servers:
        execute(servers, "SELECT id FROM kept")
        assert is_redis_up(servers)


def test_a_server_that_ends_by_itself_is_started_again(home: Path) -> None:
    with embedded.start(home, throwaway=True) as servers:
        pid = int((home / "postgres" / "postmaster.pid").read_text().split()[0])

        os.kill(pid, signal.SIGKILL)

        until(lambda: answers(servers), seconds=20)


def test_a_file_left_by_a_dead_server_is_no_obstacle(home: Path) -> None:
    with embedded.start(home):
        pass
    # This process lives, but it is no server of this folder.
    (home / "postgres" / "postmaster.pid").write_text(f"{os.getpid()}\n")

    with embedded.start(home) as servers:
        assert database_name(servers) == "signalbox"


def test_a_server_that_cannot_start_says_why(home: Path) -> None:
    places.log_file(home, "postgres").parent.mkdir(parents=True)
    (home / "postgres").write_text("not a folder")

    with pytest.raises(embedded.ServerFailed, match="embedded postgres did not start"):
        embedded.start(home)


def start_user(home: Path) -> subprocess.Popen[str]:
    user = subprocess.Popen(
        [sys.executable, "-c", SLEEPER, str(home)],
        cwd=embedded.CHECKOUT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert user.stdout is not None
    with user.stdout as pipe:
        assert pipe.readline() == "started\n"
    return user


def processes_of(home: Path) -> list[psutil.Process]:
    """Return the servers and keepers that name the folder on their command line."""
    found = []
    for process in psutil.process_iter():
        try:
            line = " ".join(process.cmdline())
        except psutil.Error:
            continue
        if str(home) in line and process.pid != os.getpid():
            found.append(process)
    return found


def execute(servers: embedded.Servers, statement: str) -> None:
    with psycopg.connect(servers.database_url) as connection:
        connection.execute(statement.encode())


def database_name(servers: embedded.Servers) -> object:
    with psycopg.connect(servers.database_url) as connection:
        row = connection.execute("SELECT current_database()").fetchone()
    return row and row[0]


def answers(servers: embedded.Servers) -> bool:
    try:
        return database_name(servers) == "signalbox"
    except psycopg.OperationalError:
        return False


def redis_of(servers: embedded.Servers, use: Callable[[Any], object]) -> object:
    with redis.from_url(servers.redis_url) as client:
        return use(client)


def is_redis_up(servers: embedded.Servers) -> bool:
    return redis_of(servers, lambda client: client.ping()) is True


def until(condition: Callable[[], object], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
