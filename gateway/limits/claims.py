"""What a request asks of its limits, and what it was told."""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from gateway.configuration.records import KeyRecord, LimitRecord

REQUESTS = "requests"
TOKENS = "tokens"
CONCURRENCY = "concurrency"

_MAX_REMEMBERED = 20_000


class Claim(NamedTuple):
    """One limit that a request is to be charged to."""

    key: str
    metric: str
    amount: int
    per_s: int
    cost: int


class Remaining(NamedTuple):
    """What is left of the tightest limit of one metric."""

    limit: int
    remaining: int
    reset_s: float


class Lease:
    """What an admitted request gives back at its end."""

    __slots__ = ("concurrency", "degraded", "id", "settled", "tokens")

    def __init__(
        self,
        lease_id: str,
        concurrency: tuple[str, ...],
        tokens: tuple[Claim, ...],
        *,
        degraded: bool,
    ) -> None:
        self.id = lease_id
        self.concurrency = concurrency
        self.tokens = tokens
        self.degraded = degraded
        self.settled = False


class Verdict(NamedTuple):
    """Whether a request may go on; when refused, nothing was charged."""

    allowed: bool
    refused: Claim | None
    retry_after_s: float
    remaining: Mapping[str, Remaining]
    lease: Lease | None
    degraded: bool


UNLIMITED = Verdict(
    allowed=True,
    refused=None,
    retry_after_s=0.0,
    remaining=MappingProxyType({}),
    lease=None,
    degraded=False,
)


def lease_for(
    claims: Sequence[Claim], lease_id: str, *, degraded: bool
) -> Lease | None:
    """Return what these claims leave to be given back, or None when that is nothing."""
    concurrency = tuple([claim.key for claim in claims if not claim.per_s])
    tokens = tuple([claim for claim in claims if claim.metric == TOKENS])
    if not concurrency and not tokens:
        return None
    return Lease(lease_id, concurrency, tokens, degraded=degraded)


def tightest(
    claims: Sequence[Claim], states: Iterable[tuple[int, float]]
) -> dict[str, Remaining]:
    """Pick per metric the limit with the least left.

    `states` holds what remains and the seconds until all of it is back, claim by claim.
    """
    found: dict[str, Remaining] = {}
    for claim, (left, reset_s) in zip(claims, states, strict=True):
        if claim.per_s:
            known = found.get(claim.metric)
            if known is None or left < known.remaining:
                found[claim.metric] = Remaining(claim.amount, left, reset_s)
    return found


class _Plan(NamedTuple):
    """The limits of one key: what is the same for every request, and what is not."""

    key: KeyRecord
    fixed: tuple[Claim, ...]
    tokens: tuple[tuple[str, int, int], ...]


_plans: dict[int, _Plan] = {}


def claims_for(key: KeyRecord, tokens: int) -> tuple[Claim, ...]:
    """Return the claims of one request; empty when nothing limits the key.

    An estimate above a whole limit claims all of it, so that such a request waits for a
    full bucket instead of for ever; what it used beyond that is charged at settlement.
    """
    plan = _plans.get(key.pk)
    if plan is None or plan.key is not key:
        plan = _remember(key)
    if not plan.tokens:
        return plan.fixed
    return plan.fixed + tuple(
        [
            Claim(name, TOKENS, amount, per_s, amount if tokens > amount else tokens)
            for name, amount, per_s in plan.tokens
        ]
    )


def _remember(key: KeyRecord) -> _Plan:
    limits = [*key.project.limits, *key.limits]
    plan = _Plan(
        key=key,
        fixed=tuple(
            Claim(_name(key, limit), limit.metric, limit.amount, limit.per_s, 1)
            for limit in limits
            if limit.metric != TOKENS
        ),
        tokens=tuple(
            (_name(key, limit), limit.amount, limit.per_s)
            for limit in limits
            if limit.metric == TOKENS
        ),
    )
    if len(_plans) >= _MAX_REMEMBERED:
        _plans.clear()
    _plans[key.pk] = plan
    return plan


def _name(key: KeyRecord, limit: LimitRecord) -> str:
    """Name a limit; the braces keep those of a project on one node of a cluster."""
    scope = "" if limit.key_pk is None else f"k{limit.key_pk}:"
    period = f":{limit.per_s}" if limit.per_s else ""
    return f"{{p{key.project.id}}}:{scope}{limit.metric}{period}"
