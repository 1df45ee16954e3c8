"""One limit, several processes."""

import subprocess
import sys
from collections.abc import Iterator

import pytest

from config.env import BASE_DIR
from tests.gateway.redis_stand import OwnRedis, own_redis

pytestmark = pytest.mark.system

PROCESSES = 8


@pytest.fixture
def server() -> Iterator[OwnRedis]:
    with own_redis() as server:
        yield server


def hammered(
    server: OwnRedis, amount: int, per_s: int, seconds: float
) -> tuple[int, float]:
    """Return how many requests were admitted in all, and the seconds it took."""
    command = [sys.executable, "-m", "tests.gateway.limit_hammer", server.url]
    command += map(str, (amount, per_s, seconds, PROCESSES))
    done = subprocess.run(
        command, cwd=BASE_DIR, stdout=subprocess.PIPE, text=True, check=True
    )
    admitted, took = done.stdout.split()
    return int(admitted), float(took)


def test_processes_together_admit_the_limit_and_no_more(server: OwnRedis) -> None:
    admitted, _ = hammered(server, amount=1000, per_s=86400, seconds=1)

    assert 980 <= admitted <= 1000


def test_a_limit_that_refills_is_used_and_kept(server: OwnRedis) -> None:
    seconds = 2.0

    admitted, took = hammered(server, amount=100, per_s=1, seconds=seconds)

    assert 0.98 * (100 + 100 * seconds) <= admitted <= 100 + 100 * took + 1
