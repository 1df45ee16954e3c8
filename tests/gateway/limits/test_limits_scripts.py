"""The scripts against a model in exact arithmetic, with a clock turned by hand."""

from fractions import Fraction

import pytest
import redis
from django.conf import settings
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from gateway.limits.scripts import ADMIT, CLOCK, SETTLE

PREFIX = "test:scripts:"
REQUESTS, TOKENS, RUNNING = f"{PREFIX}r", f"{PREFIX}t", f"{PREFIX}c"
# Every unit takes a multiple of 0.1 s, so that nothing is decided by rounding.
REQUEST_LIMIT, TOKEN_LIMIT, RUNNING_LIMIT, MINUTE = 6, 300, 4, 60

steps = st.lists(
    st.one_of(
        st.tuples(st.just("admit"), st.integers(1, TOKEN_LIMIT)),
        st.tuples(st.just("wait"), st.integers(1, 300)),
        st.tuples(st.just("settle"), st.integers(0, 2 * TOKEN_LIMIT)),
    ),
    max_size=40,
)


class Bucket:
    """GCRA as the textbook has it, in seconds."""

    def __init__(self, amount: int) -> None:
        self.unit = Fraction(MINUTE, amount)
        self.full = Fraction(0)

    def fits(self, cost: int, now: Fraction) -> bool:
        return max(self.full, now) + cost * self.unit - now <= MINUTE

    def charge(self, cost: int, now: Fraction) -> None:
        self.full = max(now, max(self.full, now) + cost * self.unit)

    def left(self, now: Fraction) -> int:
        return max(0, int((MINUTE - (max(self.full, now) - now)) / self.unit))


@pytest.fixture(scope="module")
def server() -> "redis.Redis[bytes]":
    return redis.Redis.from_url(settings.REDIS_URL)


def by_hand(source: bytes) -> str:
    return source.decode().replace(CLOCK, "local now = tonumber(ARGV[#ARGV])")


@given(steps=steps)
@hypothesis_settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_every_decision_is_that_of_the_model(
    server: "redis.Redis[bytes]", steps: list[tuple[str, int]]
) -> None:
    server.delete(REQUESTS, TOKENS, RUNNING)
    admit, settle = by_hand(ADMIT.source), by_hand(SETTLE.source)
    requests, tokens = Bucket(REQUEST_LIMIT), Bucket(TOKEN_LIMIT)
    leases: list[tuple[str, int]] = []
    now = Fraction(1000)

    for number, (step, value) in enumerate(steps):
        at = int(now * 1_000_000)
        if step == "wait":
            now += Fraction(value, 10)
        elif step == "settle" and leases:
            lease, estimate = leases.pop(0)
            server.eval(
                settle, 2, RUNNING, TOKENS,
                0, 0, lease, TOKEN_LIMIT, MINUTE, value - estimate, at,
            )  # fmt: skip
            tokens.charge(value - estimate, now)
        elif step == "admit":
            expected = [
                requests.fits(1, now),
                tokens.fits(value, now),
                len(leases) < RUNNING_LIMIT,
            ]
            answer = server.eval(
                admit, 3, REQUESTS, TOKENS, RUNNING, f"lease{number}", 10**9,
                REQUEST_LIMIT, MINUTE, 1, TOKEN_LIMIT, MINUTE, value,
                RUNNING_LIMIT, 0, 1, at,
            )  # fmt: skip
            if all(expected):
                requests.charge(1, now)
                tokens.charge(value, now)
                leases.append((f"lease{number}", value))
                assert answer[0] == 0
            else:
                assert answer[0] == expected.index(False) + 1
            assert answer[2] == requests.left(now)
            assert answer[4] == tokens.left(now)
            assert answer[6] == RUNNING_LIMIT - len(leases)
