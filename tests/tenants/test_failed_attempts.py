"""How many wrong keys one address may present: failures A9."""

import pytest

from tenants import failed_attempts
from tenants.failed_attempts import FailedAttempts, origin_of


def test_a9_after_so_many_failures_an_origin_waits() -> None:
    attempts = FailedAttempts(3)

    waits = []
    for _ in range(4):
        waits.append(attempts.wait_s("a"))
        attempts.note("a")

    assert waits[:3] == [0.0, 0.0, 0.0]
    assert 19 < waits[3] <= 20
    assert attempts.wait_s("b") == 0.0


def test_failures_fade() -> None:
    attempts = FailedAttempts(2, period_s=0.02)
    attempts.note("a")
    attempts.note("a")
    waited = attempts.wait_s("a")

    while attempts.wait_s("a") > 0:
        pass

    assert 0 < waited <= 0.01


def test_whoever_goes_on_waits_no_longer_for_it() -> None:
    attempts = FailedAttempts(2)
    for _ in range(1_000):
        attempts.note("a")

    assert attempts.wait_s("a") <= 30


def test_origins_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failed_attempts, "_MAX_ORIGINS", 10)
    attempts = FailedAttempts(1)

    for number in range(100):
        attempts.note(str(number))

    assert len(attempts) == 10
    assert attempts.wait_s("99") > 0
    assert attempts.wait_s("0") == 0


def test_keys_that_are_recognized_are_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(failed_attempts, "_MAX_RECOGNIZED", 2)
    attempts = FailedAttempts(1)
    attempts.note("a")

    for key in (b"1", b"2", b"3"):
        attempts.recognize(key)

    assert attempts.wait_s("a", b"1") > 0
    assert attempts.wait_s("a", b"3") == 0


def test_none_allowed_is_no_limit() -> None:
    attempts = FailedAttempts(0)
    attempts.note("a")

    assert (attempts.wait_s("a"), len(attempts)) == (0.0, 0)


def test_an_origin_of_ipv6_is_a_network() -> None:
    assert origin_of("2001:db8::1", "") == origin_of("2001:db8::ffff", "")
    assert origin_of("192.0.2.1", "") != origin_of("192.0.2.2", "")
    assert origin_of("", "") == "unknown"
