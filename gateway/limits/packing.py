"""The call that decides on a request, in the form in which Redis reads it.

What is the same for every request of a limit is packed once.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from gateway.limits.claims import Claim
from gateway.redis.script import bulk

KEY_PREFIX = "sb:lim:"

_MAX_REMEMBERED = 20_000


class _Packed(NamedTuple):
    """A limit's key, its amount and seconds."""

    amount: int
    per_s: int
    key: bytes
    bounds: bytes


_packed: dict[str, _Packed] = {}


def packed_admission(
    claims: Sequence[Claim], lease_id: str, lease_ms: int
) -> tuple[bytes, int]:
    """Return keys and arguments of the script that admits, and the number of parts."""
    count = len(claims)
    keys, arguments = _number(count), bulk(lease_id.encode()) + _number(lease_ms)
    for claim in claims:
        known = _packed.get(claim.key)
        if known is None or known.amount != claim.amount or known.per_s != claim.per_s:
            known = _remember(claim)
        keys += known.key
        arguments += known.bounds + _number(claim.cost)
    if claims[-1].shadow_of:
        refusing = sum(not claim.shadow_of for claim in claims)
        return keys + arguments + _number(refusing), 4 * count + 4
    return keys + arguments, 4 * count + 3


@lru_cache(maxsize=4_096)
def _number(number: int) -> bytes:
    return bulk(b"%d" % number)


def _remember(claim: Claim) -> _Packed:
    if len(_packed) >= _MAX_REMEMBERED:
        _packed.clear()
    amount, per_s = claim.amount, claim.per_s
    key = bulk((KEY_PREFIX + claim.key).encode())
    bounds = _number(amount) + _number(per_s)
    packed = _packed[claim.key] = _Packed(amount, per_s, key, bounds)
    return packed
