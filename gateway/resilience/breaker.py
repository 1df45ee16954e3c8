"""Stops asking a target that keeps failing, and finds out when it answers again."""

import random
from typing import Literal

FAILURES_TO_OPEN = 5
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 20.0

# Of as many answers within this time, this share may not be failures.
_WINDOW_S = 10.0
_ANSWERS_TO_JUDGE = 20
_SHARE_TO_OPEN = 0.5
# A probe that takes longer no longer keeps the next one back.
_PROBE_S = 5.0

State = Literal["closed", "half_open", "open"]


class Breaker:
    """Open after some failures in a row, or when too large a share fails.

    While it is open, one request at a time may find out how the target does: the first
    after a pause that grows with each that fails. Moments are on the monotonic clock.
    """

    __slots__ = (
        "_answers",
        "_failures",
        "_in_a_row",
        "_is_probed",
        "_pause_s",
        "_probe_at",
        "_window_ends",
        "is_open",
    )

    def __init__(self) -> None:
        self.is_open = False
        self._in_a_row = 0
        self._answers = 0
        self._failures = 0
        self._window_ends = 0.0
        self._pause_s = 0.0
        self._probe_at = 0.0
        self._is_probed = False

    @property
    def state(self) -> State:
        if not self.is_open:
            return "closed"
        return "half_open" if self._is_probed else "open"

    def pause_left(self, now: float) -> float:
        """Return how long nobody may ask; 0 when a probe is due."""
        return max(0.0, self._probe_at - now) if self.is_open else 0.0

    def begin_probe(self, now: float) -> None:
        """Let this one find out; the others wait for what comes of it."""
        self._is_probed = True
        self._probe_at = now + _PROBE_S

    def note_success(self, *, is_probe: bool) -> bool:
        """Take note of an answer; says whether that closed the breaker."""
        self._answers += 1
        self._in_a_row = 0
        # Those that were under way when it opened prove nothing.
        if not (self.is_open and is_probe):
            return False
        self.is_open = self._is_probed = False
        self._answers = self._failures = 0
        return True

    def note_failure(self, now: float, *, is_probe: bool) -> bool:
        """Take note of a failure; says whether that opened the breaker."""
        if self.is_open:
            if is_probe:
                self._rest(now, min(self._pause_s * 2, LONGEST_PAUSE_S))
            return False
        if now > self._window_ends:
            self._window_ends = now + _WINDOW_S
            self._answers = self._failures = 0
        self._answers += 1
        self._failures += 1
        self._in_a_row += 1
        if self._in_a_row < FAILURES_TO_OPEN and (
            self._answers < _ANSWERS_TO_JUDGE
            or self._failures < self._answers * _SHARE_TO_OPEN
        ):
            return False
        self.is_open = True
        self._rest(now, FIRST_PAUSE_S)
        return True

    def give_up_probe(self, now: float) -> None:
        """Let the next one probe: the client left before anything was found out."""
        if self.is_open and self._is_probed:
            self._is_probed = False
            self._probe_at = now

    def _rest(self, now: float, pause_s: float) -> None:
        self._is_probed = False
        self._pause_s = pause_s
        # Processes that opened together do not probe together.
        self._probe_at = now + pause_s * random.uniform(0.8, 1.0)  # noqa: S311
