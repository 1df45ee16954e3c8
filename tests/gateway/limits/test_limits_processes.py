"""One limit, several processes."""

import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from config.env import BASE_DIR
from tests.gateway.redis_stand import OwnRedis, own_redis

PROCESSES = 8


@pytest.fixture
def server() -> Iterator[OwnRedis]:
    with own_redis() as server:
        yield server


def hammered(
    server: OwnRedis, amount: int, per_s: int, seconds: float
) -> tuple[int, float]:
    """Return how many requests were admitted in all, and the seconds it took."""
    command = [sys.executable, "-m", "tests.gateway.limit_hammer"]
    command += [server.url, str(amount), str(per_s), str(seconds)]
    processes = [
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=BASE_DIR,
            text=True,
        )
        for _ in range(PROCESSES)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    started = time.monotonic()
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    admitted = sum(int(process.communicate()[0]) for process in processes)
    return admitted, time.monotonic() - started


def test_processes_together_admit_the_limit_and_no_more(server: OwnRedis) -> None:
    admitted, _ = hammered(server, amount=1000, per_s=86400, seconds=1)

    assert 980 <= admitted <= 1000


def test_a_limit_that_refills_is_used_and_kept(server: OwnRedis) -> None:
    seconds = 2.0

    admitted, took = hammered(server, amount=100, per_s=1, seconds=seconds)

    assert 0.98 * (100 + 100 * seconds) <= admitted <= 100 + 100 * took + 1
