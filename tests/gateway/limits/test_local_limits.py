"""Limits decided by one process alone."""

from gateway.limits.claims import Claim
from gateway.limits.local import LocalLimits

REQUESTS = Claim("r", "requests", 60, 60, 1)
TOKENS = Claim("t", "tokens", 1000, 60, 100)
RUNNING = Claim("c", "concurrency", 8, 0, 1)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def admitted(local: LocalLimits, claim: Claim, processes: int, tries: int = 200) -> int:
    return sum(local.admit([claim], f"r{n}", processes).allowed for n in range(tries))


def test_a_process_grants_its_share_and_no_more() -> None:
    clock = Clock()
    local = LocalLimits(clock)

    assert admitted(local, REQUESTS, processes=4) == 15
    clock.now += 4
    assert admitted(local, REQUESTS, processes=4) == 1
    clock.now += 60
    assert admitted(local, REQUESTS, processes=4) == 15


def test_a_share_below_one_request_lets_one_pass_at_a_time() -> None:
    clock = Clock()
    local = LocalLimits(clock)
    rare = Claim("rare", "requests", 2, 60, 1)

    assert admitted(local, rare, processes=4) == 1
    clock.now += 119
    assert admitted(local, rare, processes=4) == 0
    clock.now += 1.1
    assert admitted(local, rare, processes=4) == 1


def test_running_requests_are_counted_and_given_back() -> None:
    local = LocalLimits(Clock())
    leases = [local.admit([RUNNING], f"r{n}", 4).lease for n in range(2)]

    assert not local.admit([RUNNING], "third", 4).allowed
    assert leases[0] is not None
    local.release(leases[0])

    assert local.admit([RUNNING], "third", 4).allowed


def test_nothing_is_charged_when_one_claim_refuses() -> None:
    local = LocalLimits(Clock())
    admitted(local, REQUESTS, processes=1)

    verdict = local.admit([TOKENS, RUNNING, REQUESTS], "r", 1)

    assert verdict.refused == REQUESTS
    assert verdict.remaining["tokens"].remaining == 1000
    assert 0.9 < verdict.retry_after_s <= 1.0


def test_tokens_are_corrected_both_ways() -> None:
    local = LocalLimits(Clock())

    local.admit([TOKENS], "r", 1)
    local.correct(TOKENS, 150, 1)
    assert local.admit([TOKENS], "r", 1).remaining["tokens"].remaining == 650
    local.correct(TOKENS, -90, 1)
    assert local.admit([TOKENS], "r", 1).remaining["tokens"].remaining == 640


def test_memory_is_bounded_by_what_is_in_use() -> None:
    clock = Clock()
    local = LocalLimits(clock)

    for number in range(60_000):
        clock.now += 0.01
        local.admit([Claim(f"k{number}", "requests", 60, 60, 1)], "r", 1)

    assert len(local._full_at) <= 10_001
