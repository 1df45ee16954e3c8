"""When the same target is asked once more, and how long after."""

import random

from gateway.upstream.errors import UpstreamError

MAX_RETRIES = 2
# A wait that is told is kept within the request only when it is as short as this.
SHORT_WAIT_S = 1.0

_WINDOW_S = 10.0
_SHARE = 0.2
_FLOOR = 3
_FIRST_PAUSE_S = 0.1
_JITTER = 0.1


class RetryBudget:
    """Lets a share of a target's requests be retries: in a storm they only add to it."""

    __slots__ = ("_requests", "_retries", "_window_ends")

    def __init__(self) -> None:
        self._requests = 0
        self._retries = 0
        self._window_ends = 0.0

    def note_request(self) -> None:
        self._requests += 1

    def take(self, now: float) -> bool:
        """Say whether one more retry may be made now, and count it."""
        if now > self._window_ends:
            self._window_ends = now + _WINDOW_S
            self._requests = self._retries = 0
        if self._retries >= max(_FLOOR, self._requests * _SHARE):
            return False
        self._retries += 1
        return True


def pause_before(error: UpstreamError, retries: int) -> float | None:
    """Return how long to wait before the next retry; None where none can help."""
    if not error.may_repeat:
        return None
    if (told_s := error.retry_after_s) is not None:
        if not 0 < told_s <= SHORT_WAIT_S:
            return None
        return told_s * random.uniform(1.0, 1.0 + _JITTER)  # noqa: S311
    if error.must_wait:
        return None
    # Full jitter: those who failed together do not come back together.
    return random.uniform(0.0, _FIRST_PAUSE_S * 2**retries)  # noqa: S311
