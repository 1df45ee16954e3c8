import json
import logging
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from pytest_django import Settings

from tests.usage.events import intent, outcome, settlement
from tests.usage.stored import statuses
from usage import adoption
from usage.adoption import adopt_all, adopt_in_steps
from usage.ledger import Ledger, LedgerUnavailable, connection_parameters
from usage.models import UsageEvent
from usage.segments import QUARANTINE_NAME, segment_paths
from usage.spool import Spool
from usage.tasks import adopt_spools

pytestmark = pytest.mark.system


def abandon(spool: Spool) -> None:
    """Give the lock back as the kernel does for a dead process."""
    os.close(spool._lock)


def dead_spool(root: Path, *, settled: int = 0, unsettled: int = 0) -> Spool:
    spool = Spool.open(root, segment_bytes=2000)
    for _ in range(settled):
        record = intent()
        spool.intend(record)
        spool.settle(record.id, outcome())
    for _ in range(unsettled):
        spool.intend(intent())
    abandon(spool)
    return spool


def wait_for_sessions_to_end() -> None:
    """Let PostgreSQL finish what a killed process has sent it."""
    deadline = time.monotonic() + 10
    with connection.cursor() as cursor:
        while time.monotonic() < deadline:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE state <> 'idle' "
                "AND datname = current_database() AND pid <> pg_backend_pid()"
            )
            if cursor.fetchone() == (0,):
                return
            time.sleep(0.05)


def test_what_a_dead_process_left_is_shipped_and_removed(
    root: Path, ledger: Ledger
) -> None:
    dead_spool(root, settled=30, unsettled=5)
    dead_spool(root, settled=1)

    count = adopt_all(root, ledger)

    assert count == 36
    assert sorted(statuses().values()) == ["ok"] * 31 + ["unsettled"] * 5
    assert UsageEvent.objects.filter(estimated=True).count() == 5
    assert list(root.iterdir()) == []


def test_the_spool_of_a_living_process_is_left_alone(
    root: Path, ledger: Ledger, spool: Spool
) -> None:
    spool.record(settlement())

    assert adopt_all(root, ledger) == 0
    assert segment_paths(spool.directory)


def test_a_settlement_in_a_later_segment_settles_its_intent(
    root: Path, ledger: Ledger
) -> None:
    spool = Spool.open(root, segment_bytes=1000)
    slow = intent()
    spool.intend(slow)
    for _ in range(20):
        spool.record(settlement())
    spool.settle(slow.id, outcome())
    abandon(spool)

    adopt_all(root, ledger)

    assert set(statuses().values()) == {"ok"}


@pytest.mark.parametrize("ships", [False, True])
@pytest.mark.parametrize("seconds", [0.0, 0.1, 0.3, 0.7])
def test_no_event_of_a_killed_process_is_lost_or_counted_twice(
    root: Path, ledger: Ledger, seconds: float, ships: bool
) -> None:
    how = [json.dumps(connection_parameters())] if ships else []
    with subprocess.Popen(
        [sys.executable, "-m", "tests.usage.spooler", str(root), *how],
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        threading.Timer(seconds, process.kill).start()
        said = (first + process.stdout.read()).split()
    assert process.returncode == -signal.SIGKILL

    wait_for_sessions_to_end()
    adopt_all(root, ledger)

    stored = statuses()
    intended = {line[1:].decode() for line in said if line.startswith(b"I")}
    settled = {line[1:].decode() for line in said if line.startswith(b"S")}
    # The last one may have been written without being named.
    assert intended <= set(stored)
    assert len(stored) <= len(intended) + 1
    assert all(stored[event] == "ok" for event in settled)
    assert len([s for s in stored.values() if s == "unsettled"]) <= 1


def test_two_adopters_at_once_ship_each_event_once(root: Path, ledger: Ledger) -> None:
    for _ in range(10):
        dead_spool(root, settled=20, unsettled=2)
    counts: list[int] = []

    def adopt() -> None:
        with closing(Ledger(root)) as own:
            counts.append(adopt_all(root, own))

    threads = [threading.Thread(target=adopt) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(counts) == 220
    assert len(statuses()) == 220
    assert list(root.iterdir()) == []


def test_an_adoption_that_was_cut_short_is_begun_again(
    root: Path, ledger: Ledger
) -> None:
    dead_spool(root, settled=30, unsettled=3)

    steps = adopt_in_steps(root, ledger)
    first = next(steps)
    steps.close()
    rest = adopt_all(root, ledger)

    assert first > 0
    assert first + rest == 33
    assert len(statuses()) == 33


def test_an_adopter_that_is_killed_leaves_its_work_to_the_next(
    root: Path, ledger: Ledger
) -> None:
    dead_spool(root, settled=30, unsettled=3)

    def adopt_one_batch_and_wait() -> None:
        with closing(Ledger(root)) as own:
            steps = adopt_in_steps(root, own)
            next(steps)
            ready.set()
            time.sleep(60)

    context = multiprocessing.get_context("fork")
    ready = context.Event()
    adopter = context.Process(target=adopt_one_batch_and_wait)
    adopter.start()
    assert ready.wait(20)
    while_alive = adopt_all(root, ledger)
    adopter.kill()
    adopter.join()
    adopt_all(root, ledger)

    assert while_alive == 0
    assert len(statuses()) == 33
    assert list(root.iterdir()) == []


def test_a_torn_last_line_is_passed_over(
    root: Path, ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    spool = dead_spool(root, unsettled=2)
    path = segment_paths(spool.directory)[-1]
    lines = path.read_bytes().rstrip(b"\0")
    path.write_bytes(lines + b'I{"id":"torn' + b"\0" * 5000)

    with caplog.at_level(logging.WARNING):
        adopt_all(root, ledger)

    assert len(statuses()) == 2
    assert "torn line in the spool" in caplog.messages


def test_a_line_that_is_none_of_ours_is_quarantined(root: Path, ledger: Ledger) -> None:
    spool = dead_spool(root, settled=1)
    path = segment_paths(spool.directory)[-1]
    lines = path.read_bytes().rstrip(b"\0")
    path.write_bytes(b"what is this\n" + lines + b'I{"id":"half\n')

    adopt_all(root, ledger)

    assert len(statuses()) == 1
    assert (root / QUARANTINE_NAME).read_bytes() == b'what is this\nI{"id":"half\n'


def test_a_very_long_line_is_read_whole(root: Path, ledger: Ledger) -> None:
    spool = Spool.open(root)
    spool.record(settlement(routing={"reason": "x" * 600_000}))
    spool.record(settlement())
    abandon(spool)

    adopt_all(root, ledger)

    assert len(statuses()) == 2


def test_nothing_is_removed_while_the_database_is_away(root: Path) -> None:
    spool = dead_spool(root, settled=1)
    away = Ledger(root, lambda: {"host": "/nowhere"})

    with pytest.raises(LedgerUnavailable):
        adopt_all(root, away)

    assert segment_paths(spool.directory)


def test_half_removed_and_half_made_directories_are_cleared(
    root: Path, ledger: Ledger
) -> None:
    (root / ".a.gone").mkdir()
    (root / ".b.new").mkdir()
    (root / ".c.new").mkdir()
    os.utime(root / ".b.new", (0, 0))

    adopt_all(root, ledger)

    assert [path.name for path in root.iterdir()] == [".c.new"]


def test_what_other_processes_have_on_disk_is_measured(
    root: Path, spool: Spool
) -> None:
    other = dead_spool(root, settled=1)
    spool.record(settlement())

    size = adoption.bytes_on_disk(root, besides=spool.directory)

    assert size == segment_paths(other.directory)[0].stat().st_size
    shutil.rmtree(other.directory)


@pytest.mark.django_db(transaction=True)
def test_celery_ships_when_no_web_process_is_left(
    root: Path, settings: Settings
) -> None:
    settings.SPOOL_DIR = root
    dead_spool(root, settled=1, unsettled=1)

    adopt_spools.apply(throw=True)

    assert sorted(statuses().values()) == ["ok", "unsettled"]


@pytest.mark.django_db(transaction=True)
def test_quarantined_events_can_be_tried_again(
    root: Path, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.SPOOL_DIR = root
    spool = dead_spool(root, settled=2)
    spool.directory.rename(root / "elsewhere")
    whole = segment_paths(root / "elsewhere")[0].read_bytes()
    shutil.rmtree(root / "elsewhere")
    (root / QUARANTINE_NAME).write_bytes(whole)

    call_command("ship_spool", quarantined=True)
    call_command("ship_spool", quarantined=True)

    assert capsys.readouterr().out.splitlines() == [
        "2 events shipped.",
        "0 events shipped.",
    ]
    assert list(root.iterdir()) == []


@pytest.mark.django_db(transaction=True)
def test_the_command_says_when_the_database_is_away(
    root: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SPOOL_DIR = root
    dead_spool(root, settled=1)
    monkeypatch.setitem(connection.settings_dict, "NAME", "no_such_database")

    with pytest.raises(CommandError, match="nothing is lost"):
        call_command("ship_spool")
