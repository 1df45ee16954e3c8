import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.usage.events import intent, outcome, settlement
from tests.usage.outage import Line
from tests.usage.stored import statuses
from usage.models import UsageEvent
from usage.segments import QUARANTINE_NAME, segment_paths
from usage.shipper import Shipper
from usage.spool import Spool

pytestmark = pytest.mark.django_db(transaction=True)


def wait_until(happened: Callable[[], bool], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def stored() -> int:
    return UsageEvent.objects.count()


@pytest.fixture
def shipper(spool: Spool) -> Iterator[Shipper]:
    shipper = Shipper(spool)
    shipper.start()
    yield shipper
    asyncio.run(shipper.stop())


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    line = Line(tmp_path)
    line.restore()
    yield line
    line.cut()


def test_settled_events_arrive_within_a_second(spool: Spool, shipper: Shipper) -> None:
    waiting, asked = intent(), intent()
    begun = time.monotonic()

    spool.intend(waiting)
    spool.intend(asked)
    spool.settle(asked.id, outcome())
    wait_until(lambda: stored() > 0)

    assert time.monotonic() - begun < 1
    assert statuses() == {asked.id: "ok"}
    spool.settle(waiting.id, outcome())


def test_segments_are_removed_after_they_are_shipped(root: Path) -> None:
    spool = Spool.open(root, segment_bytes=3000)
    shipper = Shipper(spool)
    for _ in range(50):
        record = intent()
        spool.intend(record)
        spool.settle(record.id, outcome())
    before = len(segment_paths(spool.directory))

    shipper.start()
    wait_until(lambda: len(segment_paths(spool.directory)) == 1)
    asyncio.run(shipper.stop())

    assert before > 5
    assert stored() == 50
    assert (shipper.lag(), spool.depth().unshipped_bytes) == (0.0, 0)
    spool.close()


def test_events_wait_for_a_database_that_is_away(
    spool: Spool, tmp_path: Path, line: Line
) -> None:
    shipper = Shipper(spool, line.parameters)
    shipper.start()
    spool.record(settlement())
    wait_until(lambda: stored() == 1)

    line.cut()
    for _ in range(5000):
        spool.record(settlement())
    time.sleep(1)
    lag = shipper.lag()
    line.restore()
    wait_until(lambda: stored() == 5001)

    asyncio.run(shipper.stop())
    assert lag > 0.5
    assert shipper.lag() == 0
    assert len(statuses()) == 5001


def test_a_line_that_keeps_breaking_counts_nothing_twice(
    spool: Spool, line: Line
) -> None:
    shipper = Shipper(spool, line.parameters)
    shipper.start()

    for _ in range(10):
        for _ in range(500):
            spool.record(settlement())
        time.sleep(0.05)
        line.cut()
        line.restore()
    wait_until(lambda: stored() == 5000)

    asyncio.run(shipper.stop())
    assert len(statuses()) == 5000


def test_stopping_ships_what_is_left(root: Path) -> None:
    spool = Spool.open(root)
    shipper = Shipper(spool)
    shipper.start()

    spool.record(settlement())
    asyncio.run(shipper.stop())
    spool.close()

    assert stored() == 1
    assert list(root.iterdir()) == []


def test_stopping_without_a_database_leaves_the_rest_for_adoption(
    root: Path, monkeypatch: pytest.MonkeyPatch, shipper: Shipper
) -> None:
    monkeypatch.setattr("usage.shipper.SWEEP_SECONDS", 0.2)
    spool = Spool.open(root)
    away = Shipper(spool, lambda: {"host": "/nowhere"})
    away.start()
    spool.record(settlement())
    begun = time.monotonic()

    asyncio.run(away.stop(timeout=1))
    stopped_after = time.monotonic() - begun
    spool.close()
    wait_until(lambda: stored() == 1)

    assert stopped_after < 2
    wait_until(lambda: not spool.directory.exists())


def test_a_refused_record_does_not_hold_up_the_next(
    root: Path, spool: Spool, shipper: Shipper
) -> None:
    spool.record(settlement(output_tokens=-1))
    spool.record(settlement())

    wait_until(lambda: stored() == 1)

    assert (root / QUARANTINE_NAME).exists()


def test_the_thread_survives_what_nobody_expected(
    root: Path, spool: Spool, shipper: Shipper
) -> None:
    quarantine = root / QUARANTINE_NAME
    quarantine.mkdir()
    spool.record(settlement(output_tokens=-1))
    time.sleep(0.6)
    quarantine.rmdir()
    spool.record(settlement())

    wait_until(lambda: stored() == 1)

    assert quarantine.is_file()
