"""What a request asks of its limits, and what it was told."""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from types import MappingProxyType
from typing import NamedTuple

import msgspec

from gateway.configuration.records import EndUserRecord, KeyRecord, LimitRecord

REQUESTS = "requests"
TOKENS = "tokens"
CONCURRENCY = "concurrency"

_MAX_REMEMBERED = 20_000


class Claim(msgspec.Struct, frozen=True, gc=False):
    """One limit that a request is to be charged to.

    `shadow_of` is the limit's id where it is in shadow mode, and refuses nothing.
    """

    key: str
    metric: str
    amount: int
    per_s: int
    cost: int
    shadow_of: int = 0


class Remaining(msgspec.Struct, frozen=True, gc=False):
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


class Verdict(msgspec.Struct, frozen=True):
    """Whether a request may go on; when refused, nothing was charged.

    `exceeded` are limits in shadow mode that would have refused it; they were not
    charged either.
    """

    allowed: bool
    refused: Claim | None
    retry_after_s: float
    remaining: Mapping[str, Remaining]
    lease: Lease | None
    degraded: bool
    exceeded: tuple[int, ...] = ()


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
    concurrency: tuple[str, ...] = ()
    tokens: tuple[Claim, ...] = ()
    for claim in claims:
        if not claim.per_s:
            concurrency += (claim.key,)
        elif claim.metric == TOKENS:
            tokens += (claim,)
    if not concurrency and not tokens:
        return None
    return Lease(lease_id, concurrency, tokens, degraded=degraded)


def tightest(
    claims: Sequence[Claim], states: Iterable[tuple[int, float]]
) -> dict[str, Remaining]:
    """Pick per metric the limit with the least left, of those that refuse.

    `states` holds what remains and the seconds until all of it is back, claim by claim.
    """
    found: dict[str, Remaining] = {}
    for claim, (left, reset_s) in zip(claims, states, strict=True):
        if claim.per_s and not claim.shadow_of:
            known = found.get(claim.metric)
            if known is None or left < known.remaining:
                found[claim.metric] = Remaining(claim.amount, left, reset_s)
    return found


class _Plan(NamedTuple):
    """The limits of one key: what is the same for every request, and what is not.

    `scoped` are those that hold for some requests only, or that refuse nothing.
    """

    key: KeyRecord
    fixed: tuple[Claim, ...]
    tokens: tuple[tuple[str, int, int], ...]
    scoped: tuple[LimitRecord, ...]


_plans: dict[int, _Plan] = {}


def claims_for(
    key: KeyRecord,
    tokens: int,
    alias: str = "",
    user: str = "",
    end_user: EndUserRecord | None = None,
) -> tuple[Claim, ...]:
    """Return the claims of one request; empty when nothing limits the key.

    Those in shadow mode come last. An estimate above a whole limit claims all of it, so
    that such a request waits for a full bucket instead of for ever; what it used beyond
    that is charged at settlement.
    """
    plan = _plans.get(key.pk)
    if plan is None or plan.key is not key:
        plan = _remember(key)
    claims = plan.fixed
    if plan.tokens:
        claims += tuple(
            [
                Claim(
                    name, TOKENS, amount, per_s, amount if tokens > amount else tokens
                )
                for name, amount, per_s in plan.tokens
            ]
        )
    if plan.scoped or (end_user is not None and end_user.limits):
        limits = (*plan.scoped, *(() if end_user is None else end_user.limits))
        claims += scoped_claims(limits, key, tokens, alias, user)
    return claims


def _remember(key: KeyRecord) -> _Plan:
    limits = [*key.project.limits, *key.limits]
    plain = [limit for limit in limits if limit.is_plain]
    plan = _Plan(
        key=key,
        fixed=tuple(
            Claim(name_of(key, limit), limit.metric, limit.amount, limit.per_s, 1)
            for limit in plain
            if limit.metric != TOKENS
        ),
        tokens=tuple(
            (name_of(key, limit), limit.amount, limit.per_s)
            for limit in plain
            if limit.metric == TOKENS
        ),
        scoped=tuple(limit for limit in limits if not limit.is_plain),
    )
    if len(_plans) >= _MAX_REMEMBERED:
        _plans.clear()
    _plans[key.pk] = plan
    return plan


def scoped_claims(
    limits: Iterable[LimitRecord], key: KeyRecord, tokens: int, alias: str, user: str
) -> tuple[Claim, ...]:
    """Return the claims of those limits that hold for this request."""
    claims = [
        Claim(
            name_of(key, limit, user),
            limit.metric,
            limit.amount,
            limit.per_s,
            min(tokens, limit.amount) if limit.metric == TOKENS else 1,
            limit.id if limit.shadow else 0,
        )
        for limit in limits
        if (not limit.alias or limit.alias == alias)
        and (not limit.each_end_user or user)
        and (limit.key_pk is None or limit.key_pk in (key.pk, key.holder_pk))
    ]
    claims.sort(key=_is_shadow)
    return tuple(claims)


def _is_shadow(claim: Claim) -> bool:
    return claim.shadow_of > 0


def name_of(key: KeyRecord, limit: LimitRecord, user: str = "") -> str:
    """Name a limit; the braces keep those of a project on one node of a cluster."""
    scope = "" if limit.key_pk is None else f"k{limit.key_pk}:"
    if limit.end_user_pk is not None:
        scope += f"u{limit.end_user_pk}:"
    elif limit.each_end_user:
        # Who it is for may be long, and is nobody's business there.
        scope += f"e{blake2b(user.encode(), digest_size=12).hexdigest()}:"
    if limit.alias:
        scope += f"a{limit.alias}:"
    period = f":{limit.per_s}" if limit.per_s else ""
    return f"{{p{key.project.id}}}:{scope}{limit.metric}{period}"
