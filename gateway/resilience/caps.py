"""What a credential may still be asked for, by the caps that an operator gave it.

A process decides by what it knows of all of them together; `cap_sharing` keeps that
fresh behind the requests. Moments are on the monotonic clock.
"""

from collections.abc import Callable

from gateway.attempts import Attempt
from gateway.configuration.records import Caps, CredentialRecord

_MAX_STATES = 5_000
_MINUTE_S = 60.0
# Others go first while less than this is left.
_SCARCE = 0.1
# How long until one more may run, for all that is known.
_RUNNING_WAIT_S = 1.0


class Bucket:
    """So many in a minute, coming back evenly: `full_at` is when all of them are back.

    `unsent` is what the other processes have not been told yet.
    """

    __slots__ = ("amount", "full_at", "unsent")

    def __init__(self, amount: int) -> None:
        self.amount = amount
        self.full_at = 0.0
        self.unsent = 0

    def left(self, now: float) -> float:
        """Return which share of all is left."""
        return 1.0 - max(0.0, self.full_at - now) / _MINUTE_S

    def wait(self, now: float, cost: int, share: int) -> float:
        """Return the seconds until so many fit, 0 when they do."""
        cost_s = min(cost * share / self.amount, 1.0) * _MINUTE_S
        # A microsecond of tolerance for the rounding of fractions.
        over_s = max(0.0, self.full_at - now) + cost_s - _MINUTE_S - 1e-6
        return max(0.0, over_s)

    def charge(self, now: float, cost: int, share: int) -> None:
        self.full_at = max(self.full_at, now) + cost * share * _MINUTE_S / self.amount
        self.unsent += cost

    def learn(self, now: float, reset_s: float) -> None:
        """Take over what all processes have used, and add what they do not know yet."""
        self.full_at = now + reset_s + self.unsent * _MINUTE_S / self.amount


class CapState:
    """One credential's: what it was asked for lately, and what runs now."""

    __slots__ = (
        "_book",
        "caps",
        "credential_id",
        "others_running",
        "requests",
        "running",
        "tokens",
        "used_at",
    )

    def __init__(self, credential_id: int, caps: Caps, book: "CapBook") -> None:
        self.credential_id = credential_id
        self.caps = caps
        self.requests = Bucket(caps.requests) if caps.requests else None
        self.tokens = Bucket(caps.tokens) if caps.tokens else None
        self.running = 0
        self.others_running = 0
        self.used_at = float("-inf")
        self._book = book

    def wait(self, now: float, tokens: int) -> float:
        """Return how long such a request has to wait; 0 when it fits."""
        share = self._book.share()
        wait_s = 0.0
        if self.requests is not None:
            wait_s = self.requests.wait(now, 1, share)
        if self.tokens is not None:
            wait_s = max(wait_s, self.tokens.wait(now, tokens, share))
        if self.caps.concurrency and self._busy(share) >= 1.0:
            wait_s = max(wait_s, _RUNNING_WAIT_S)
        return wait_s

    def is_scarce(self, now: float) -> bool:
        """Say whether a cap is about to be reached."""
        if self.caps.concurrency and self._busy(self._book.share()) > 1 - _SCARCE:
            return True
        return any(
            bucket is not None and bucket.left(now) < _SCARCE
            for bucket in (self.requests, self.tokens)
        )

    def told(self, now: float) -> dict[str, dict[str, int]]:
        """Return each cap and what is left of it, for people."""
        found = {}
        for name, bucket in (
            ("requests_per_minute", self.requests),
            ("tokens_per_minute", self.tokens),
        ):
            if bucket is not None:
                left = max(0, int(bucket.left(now) * bucket.amount + 1e-3))
                found[name] = {"cap": bucket.amount, "left": left}
        if most := self.caps.concurrency:
            left = max(0, most - self.running - self.others_running)
            found["max_concurrency"] = {"cap": most, "left": left}
        return found

    def begin(self, now: float, tokens: int, attempt: Attempt) -> "Hold":
        """Charge a request, which is to be ended with `Hold.end`."""
        share = self._book.share()
        self.used_at = now
        self.running += 1
        if self.requests is not None:
            self.requests.charge(now, 1, share)
        if self.tokens is not None:
            tokens = min(tokens, self.tokens.amount)
            self.tokens.charge(now, tokens, share)
        self._book.changed(self)
        return Hold(self, tokens, attempt)

    def end(self, now: float, difference: int) -> None:
        """Stop counting a request, and charge what it used beyond its estimate."""
        self.running -= 1
        if self.tokens is not None and difference:
            self.tokens.charge(now, difference, self._book.share())
        self._book.changed(self)

    def _busy(self, share: int) -> float:
        """Return how much of the concurrency is in use: all of it at 1."""
        most = self.caps.concurrency or 1
        if share > 1:
            return self.running / max(1, most // share)
        return (self.running + self.others_running) / most


class Hold:
    """What one attempt holds of its credential's caps."""

    __slots__ = ("_attempt", "_charged", "_state")

    def __init__(self, state: CapState, charged: int, attempt: Attempt) -> None:
        self._state = state
        self._charged = charged
        self._attempt = attempt

    def end(self, now: float) -> None:
        """To be called when the attempt is settled: then it is known what it used."""
        used = self._attempt.tokens
        self._state.end(now, used.input + used.output - self._charged)


class CapBook:
    """The caps of all credentials in use; belongs to one event loop.

    `share` returns into how many parts each cap is divided, 1 while the processes know
    of one another; `changed` is called with what was charged or given back.
    """

    def __init__(self) -> None:
        self._states: dict[int, CapState] = {}
        self.share: Callable[[], int] = _alone
        self.changed: Callable[[CapState], None] = _tell_nobody

    def of(self, credential: CredentialRecord | None) -> CapState | None:
        """Return the state of a credential's caps, None where it has none."""
        if credential is None or credential.caps is None:
            return None
        state = self._states.get(credential.id)
        if state is None or state.caps != credential.caps:
            if len(self._states) >= _MAX_STATES:
                self._states = {n: s for n, s in self._states.items() if s.running}
            state = CapState(credential.id, credential.caps, self)
            self._states[credential.id] = state
        return state

    def in_use(self, since: float) -> list[CapState]:
        """Return those that somebody was asked with since then, or is."""
        return [s for s in self._states.values() if s.running or s.used_at > since]


def _alone() -> int:
    return 1


def _tell_nobody(state: CapState) -> None:
    """One process by itself."""
