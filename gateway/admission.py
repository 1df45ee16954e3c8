"""May this project send this request, now?"""

import math
from types import TracebackType

import msgspec

from gateway.configuration.records import KeyRecord
from gateway.limits.claims import (
    CONCURRENCY,
    REQUESTS,
    TOKENS,
    Claim,
    Lease,
    Verdict,
    claims_for,
)
from gateway.limits.limiter import Asked, Limiter
from gateway.refusals import LimitExceeded
from gateway.types import InferenceRequest
from gateway.uses import USES

_PERIODS = {1: "second", 60: "minute", 3600: "hour", 86400: "day"}
_MAX_RETRY_AFTER_S = 60
_LINES = {
    metric: (
        f"x-ratelimit-limit-{metric}: %d\r\n"
        f"x-ratelimit-remaining-{metric}: %d\r\n"
        f"x-ratelimit-reset-{metric}: %.3fs\r\n"
    ).encode()
    for metric in (REQUESTS, TOKENS)
}


class Grant(msgspec.Struct):
    """Leave to go on, and what has to be given back at the end."""

    limiter: Limiter
    verdict: Verdict

    def release(self, tokens: int) -> None:
        """Give back what the request held; `tokens` is what it used after all."""
        lease: Lease | None = self.verdict.lease
        if lease is not None:
            self.limiter.settle(lease, tokens)


class Admission:
    """A request's charge to its limits, on its way; `grant` waits for the answer.

    What goes wrong inside of it, as a context, before that gives it up: tokens and a place
    are given back, but a request it was.
    """

    __slots__ = ("_asked", "_limiter")

    def __init__(self, limiter: Limiter, asked: Asked) -> None:
        self._limiter = limiter
        self._asked = asked

    def __enter__(self) -> None:
        """The charge is on its way already."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self._asked.give_up()

    async def grant(self) -> Grant:
        """Return leave to go on. Raises `LimitExceeded`."""
        verdict = await self._asked.verdict()
        if not verdict.allowed:
            raise _refusal(verdict)
        if verdict.exceeded:
            USES.note_exceeded(verdict.exceeded)
        return Grant(self._limiter, verdict)


def begin_admission(
    request: InferenceRequest,
    key: KeyRecord,
    request_id: str,
    tokens: int,
    limiter: Limiter,
    alias: str = "",
) -> Admission:
    """Begin to charge the request to every limit at once.

    What needs no leave can be done while the answer is on its way. `alias` is the one
    that the request names, empty when it names a model.
    """
    claims = claims_for(
        key, tokens, alias, request.attribution.end_user, request.end_user
    )
    return Admission(limiter, limiter.ask(claims, request_id))


async def admit(
    request: InferenceRequest,
    key: KeyRecord,
    request_id: str,
    tokens: int,
    limiter: Limiter,
    alias: str = "",
) -> Grant:
    """Charge the request to every limit at once. Raises `LimitExceeded`."""
    return await begin_admission(
        request, key, request_id, tokens, limiter, alias
    ).grant()


def _refusal(verdict: Verdict) -> LimitExceeded:
    claim = verdict.refused
    assert claim is not None  # noqa: S101  # A refusal always names its claim.
    headers = dict(
        line.split(": ", 1) for line in limit_head(verdict).decode().splitlines()
    )
    wait = min(max(verdict.retry_after_s, 0.001), _MAX_RETRY_AFTER_S)
    headers["retry-after"] = str(math.ceil(wait))
    headers["retry-after-ms"] = str(math.ceil(wait * 1000))
    return LimitExceeded(
        _words(claim),
        code="concurrency_limit_exceeded" if claim.metric == CONCURRENCY else None,
        headers=headers,
    )


def _words(claim: Claim) -> str:
    if claim.metric == CONCURRENCY:
        return (
            f"At most {claim.amount} requests may run at the same time; "
            "wait for one to end."
        )
    period = _PERIODS.get(claim.per_s, f"{claim.per_s} s")
    return (
        f"The limit of {claim.amount} {claim.metric} per {period} is reached; "
        "wait as long as retry-after says."
    )


def limit_head(verdict: Verdict) -> bytes:
    """Return the x-ratelimit header lines of the tightest limits."""
    head = b""
    for metric, left in verdict.remaining.items():
        remaining = left.remaining if left.remaining > 0 else 0
        head += _LINES[metric] % (left.limit, remaining, left.reset_s)
    return head + b"x-signalbox-limits: local\r\n" if verdict.degraded else head
