"""May this project send this request, now?"""

import math
from dataclasses import dataclass

from gateway.claims import (
    CONCURRENCY,
    REQUESTS,
    TOKENS,
    Claim,
    Lease,
    Verdict,
    claims_for,
)
from gateway.errors import LimitExceeded
from gateway.limits import Limiter
from gateway.records import KeyRecord
from gateway.types import InferenceRequest

_PERIODS = {1: "second", 60: "minute", 3600: "hour", 86400: "day"}
_MAX_RETRY_AFTER_S = 60
_HEADERS = {
    metric: tuple(
        f"x-ratelimit-{figure}-{metric}".encode()
        for figure in ("limit", "remaining", "reset")
    )
    for metric in (REQUESTS, TOKENS)
}


@dataclass(slots=True)
class Grant:
    """Leave to go on, and what has to be given back at the end."""

    limiter: Limiter
    verdict: Verdict

    def release(self, tokens: int) -> None:
        """Give back what the request held; `tokens` is what it used after all."""
        lease: Lease | None = self.verdict.lease
        if lease is not None:
            self.limiter.settle(lease, tokens)


async def admit(
    request: InferenceRequest,
    key: KeyRecord,
    request_id: str,
    tokens: int,
    limiter: Limiter,
) -> Grant:
    """Charge the request to every limit at once. Raises `LimitExceeded`."""
    verdict = await limiter.admit(claims_for(key, tokens), request_id)
    if not verdict.allowed:
        raise _refusal(verdict)
    return Grant(limiter, verdict)


def _refusal(verdict: Verdict) -> LimitExceeded:
    claim = verdict.refused
    assert claim is not None  # noqa: S101  # A refusal always names its claim.
    headers = {name.decode(): value.decode() for name, value in limit_headers(verdict)}
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


def limit_headers(verdict: Verdict) -> list[tuple[bytes, bytes]]:
    """Return the x-ratelimit headers of the tightest limits."""
    headers: list[tuple[bytes, bytes]] = []
    for metric, (limit, remaining, reset_s) in verdict.remaining.items():
        names = _HEADERS[metric]
        headers += (
            (names[0], b"%d" % limit),
            (names[1], b"%d" % (remaining if remaining > 0 else 0)),
            (names[2], b"%.3fs" % reset_s),
        )
    if verdict.degraded:
        headers.append((b"x-signalbox-limits", b"local"))
    return headers
