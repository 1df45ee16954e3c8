"""When the same target is asked once more; U18, U20."""

import pytest

from gateway.resilience.retries import RetryBudget, pause_before
from gateway.upstream.errors import (
    AddressUnusable,
    UpstreamError,
    UpstreamRateLimited,
    UpstreamTimedOut,
    UpstreamTLSFailed,
    UpstreamUnavailable,
    UpstreamUnreachable,
    UpstreamUnreadable,
)

NOW = 1000.0


@pytest.mark.parametrize("requests", [0, 10, 15, 100, 1000])
def test_retries_are_a_fifth_of_the_requests_but_three_may_always_be(
    requests: int,
) -> None:
    budget = RetryBudget()
    first = [budget.take(NOW) for _ in range(3)]
    for _ in range(requests):
        budget.note_request()

    more = sum(budget.take(NOW + 1) for _ in range(1000))

    assert all(first)
    assert 3 + more == max(3, requests // 5)


def test_a_budget_fills_again() -> None:
    budget = RetryBudget()
    assert [budget.take(NOW) for _ in range(4)] == [True, True, True, False]

    assert budget.take(NOW + 20)


@pytest.mark.parametrize("kind", [UpstreamUnreachable, UpstreamUnavailable])
def test_what_may_be_over_soon_is_tried_again_after_a_growing_random_pause(
    kind: type[UpstreamError],
) -> None:
    first = [pause_before(kind("No."), 0) for _ in range(200)]
    second = [pause_before(kind("No."), 1) for _ in range(200)]

    assert all(pause is not None and 0 <= pause <= 0.1 for pause in first)
    assert all(pause is not None and 0 <= pause <= 0.2 for pause in second)
    assert len({*first}) > 100


@pytest.mark.parametrize(
    "kind", [UpstreamTimedOut, UpstreamTLSFailed, UpstreamUnreadable, AddressUnusable]
)
def test_what_stays_as_it_is_is_not_tried_again(kind: type[UpstreamError]) -> None:
    assert pause_before(kind("No."), 0) is None


@pytest.mark.parametrize(
    ("told_s", "is_kept"),
    [(0.2, True), (1.0, True), (None, False), (0.0, False), (7, False)],
)
def test_a_short_wait_that_is_told_is_kept_within_the_request(
    told_s: float | None, is_kept: bool
) -> None:
    pause = pause_before(UpstreamRateLimited("No.", retry_after_s=told_s), 0)

    assert (pause is not None) is is_kept
    if pause is not None and told_s is not None:
        assert told_s <= pause <= told_s * 1.2
