"""How one target is doing, as this process saw it, and whether it is to be asked now."""

import logging
import time
from typing import Literal

from gateway.configuration.records import CredentialRecord
from gateway.resilience.breaker import Breaker
from gateway.resilience.caps import Hold
from gateway.resilience.cooldowns import (
    Room,
    Told,
    guessed_wait,
    rooms_told,
    scarce_for,
)
from gateway.resilience.quarantine import CredentialState
from gateway.resilience.retries import RetryBudget
from gateway.upstream.errors import (
    DeadlineReached,
    NotAsked,
    TargetFull,
    UpstreamAccountError,
    UpstreamError,
    UpstreamRateLimited,
)

logger = logging.getLogger(__name__)

# For so long others go before a target that refused its credential.
_REFUSED_S = 60.0
# After as many answers it is looked again which limits a provider tells.
_LOOK_AGAIN = 200

Readiness = Literal["ready", "last", "not now"]


class Totals:
    """What happened to a provider's targets since the process began."""

    __slots__ = ("retries", "times_left_out", "times_opened")

    def __init__(self) -> None:
        self.retries = 0
        self.times_left_out = 0
        self.times_opened = 0


class Standing:
    """One target's: a model at an endpoint, with a credential.

    `is_clear` is True while there is nothing to be said against it; all else is only
    looked at when it is not. `running` counts the attempts under way.
    """

    __slots__ = (
        "_answers_until_look",
        "_limited_in_a_row",
        "_refused_until",
        "_rooms",
        "_scarce_until",
        "_wait_is_told",
        "breaker",
        "budget",
        "cool_until",
        "credential",
        "is_clear",
        "model",
        "provider",
        "running",
        "totals",
    )

    def __init__(
        self, provider: str, model: str, credential: CredentialState, totals: Totals
    ) -> None:
        self.totals = totals
        self.provider = provider
        self.model = model
        self.credential = credential
        self.breaker = Breaker()
        self.budget = RetryBudget()
        self.running = 0
        self.cool_until = 0.0
        self.is_clear = True
        self._refused_until = 0.0
        self._scarce_until = 0.0
        self._limited_in_a_row = 0
        self._wait_is_told = False
        self._rooms: tuple[Room, ...] = ()
        self._answers_until_look = 0

    def readiness(self, now: float, record: CredentialRecord | None) -> Readiness:
        """Say whether to ask it in its turn, after all others, or not at all."""
        if self.breaker.is_open and self.breaker.pause_left(now) > 0:
            return "not now"
        if now < self.cool_until:
            return "not now"
        is_resting = self.credential.is_at_rest(now, record)
        if is_resting or now < max(self._refused_until, self._scarce_until):
            return "last"
        self.is_clear = not self.breaker.is_open
        return "ready"

    def why_not(self, now: float, caps_wait_s: float = 0.0) -> UpstreamError:
        """Return what to say of a target that is not to be asked now."""
        wait = self.breaker.pause_left(now)
        if wait > 0:
            return NotAsked("It keeps failing.", retry_after_s=wait)
        if now < self.cool_until:
            told = self.cool_until - now if self._wait_is_told else None
            msg = "Its provider limits the rate."
            return UpstreamRateLimited(msg, retry_after_s=told)
        if caps_wait_s > 0:
            msg = "A cap of its credential is reached."
            return UpstreamRateLimited(msg, retry_after_s=caps_wait_s)
        return TargetFull("It has enough to do.", retry_after_s=1.0)

    def begin(self, now: float, *, is_retry: bool = False) -> "Running":
        """Count an attempt, which is a probe while the breaker is open."""
        self.running += 1
        if not is_retry:
            self.budget.note_request()
        is_probe = self.breaker.is_open
        if is_probe:
            self.breaker.begin_probe(now)
        return Running(self, is_probe=is_probe)

    def note_success(self, now: float, *, is_probe: bool) -> None:
        self.credential.note_success(now)
        self._limited_in_a_row = 0
        self._refused_until = 0.0
        self._note_alive(is_probe=is_probe)

    def note_failure(self, now: float, code: str, *, is_probe: bool) -> None:
        """Take note of an attempt that failed by the target's own doing."""
        if self.breaker.note_failure(now, is_probe=is_probe):
            self.is_clear = False
            self.totals.times_opened += 1
            logger.warning(
                "breaker opened",
                extra={"provider": self.provider, "model": self.model, "reason": code},
            )

    def note_refusal(self, now: float, error: UpstreamError, *, is_probe: bool) -> bool:
        """Take note of an error of another kind: the target is there.

        Says whether its credential is to be quarantined.
        """
        self._note_alive(is_probe=is_probe)
        if isinstance(error, UpstreamRateLimited):
            self._limited_in_a_row += 1
            told = error.retry_after_s or 0.0
            self._wait_is_told = told > 0
            wait = told or guessed_wait(self._limited_in_a_row)
            self.cool_until = max(self.cool_until, now + wait)
            self.is_clear = False
        elif isinstance(error, UpstreamAccountError):
            self.is_clear = False
            self._refused_until = now + _REFUSED_S
            return self.credential.note_refusal(error, now)
        return False

    def note_rooms(self, call: Told, tokens: int) -> None:
        """Read what the provider says is left of its limits; to be called of answers."""
        if self._answers_until_look <= 0:
            self._answers_until_look = _LOOK_AGAIN
            self._rooms = rooms_told(call)
        self._answers_until_look -= 1
        if self._rooms:
            for_s = scarce_for(call, self._rooms, self.running, tokens)
            if for_s > 0:
                self._scarce_until = time.monotonic() + for_s
                self.is_clear = False

    def _note_alive(self, *, is_probe: bool) -> None:
        if self.breaker.note_success(is_probe=is_probe):
            logger.info(
                "breaker closed",
                extra={"provider": self.provider, "model": self.model},
            )


class Running:
    """One attempt under way; one of the others is to be called, once, when it ends."""

    __slots__ = ("_is_probe", "hold", "standing")

    def __init__(self, standing: Standing, *, is_probe: bool) -> None:
        self.standing = standing
        # What it holds of its credential's caps, where that has any.
        self.hold: Hold | None = None
        self._is_probe = is_probe

    def went_well(self, now: float) -> None:
        self._end(now)
        self.standing.note_success(now, is_probe=self._is_probe)

    def failed(self, error: UpstreamError) -> bool:
        """Says whether the credential is to be quarantined."""
        now = time.monotonic()
        if error.is_outage:
            self.broke(error.code)
            return False
        if isinstance(error, DeadlineReached):
            self.left()
            return False
        self._end(now)
        return self.standing.note_refusal(now, error, is_probe=self._is_probe)

    def broke(self, code: str) -> None:
        now = time.monotonic()
        self._end(now)
        self.standing.note_failure(now, code, is_probe=self._is_probe)

    def left(self) -> None:
        """The client has gone, or we have: that says nothing about the target."""
        now = time.monotonic()
        self._end(now)
        if self._is_probe:
            self.standing.breaker.give_up_probe(now)

    def _end(self, now: float) -> None:
        self.standing.running -= 1
        if self.hold is not None:
            self.hold.end(now)
