"""The table of requests that carry an `Idempotency-Key`: claimed, answered, freed, cleared."""

from collections.abc import Collection
from dataclasses import dataclass

from django.db import connection
from django.db.models import Q

from usage.clearing import BATCH, MAX_BATCHES, delete_in_batches
from usage.models import IdempotentAnswer

# From the answer on.
KEPT_S = 86_400

# Whoever finds a row that has expired, or that was left, takes it over. The
# database's clock decides, so that processes need not agree on the time.
_CLAIM = """
INSERT INTO usage_idempotentanswer AS found (
    digest, project_id, fingerprint, request_id, lease_until, created_at, expires_at
) VALUES (
    %(digest)s, %(project)s, %(fingerprint)s, %(request)s,
    now() + make_interval(secs => %(lease_s)s), now(),
    now() + make_interval(secs => %(kept_s)s)
) ON CONFLICT (digest) DO UPDATE SET
    fingerprint = EXCLUDED.fingerprint,
    request_id = EXCLUDED.request_id,
    lease_until = EXCLUDED.lease_until,
    created_at = EXCLUDED.created_at,
    expires_at = EXCLUDED.expires_at,
    answered_at = NULL,
    sealed = NULL
WHERE found.expires_at <= now()
    OR (found.answered_at IS NULL AND found.lease_until <= now())
    OR found.request_id = EXCLUDED.request_id
RETURNING id
"""
_EXTEND = """
UPDATE usage_idempotentanswer SET lease_until = now() + make_interval(secs => %s)
WHERE digest = ANY(%s) AND request_id = ANY(%s::uuid[]) AND answered_at IS NULL
"""
_ANSWER = """
UPDATE usage_idempotentanswer
SET sealed = %s, answered_at = now(), expires_at = now() + make_interval(secs => %s)
WHERE digest = %s AND request_id = %s
"""


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to answer a request, until the lease ends or it is answered."""

    digest: str
    project_id: int
    fingerprint: str
    request_id: str


@dataclass(frozen=True, slots=True)
class Taken:
    """Another request has, or had, the key. `sealed` is None when there is no answer."""

    fingerprint: str
    is_answered: bool
    sealed: bytes | None


def claim(wanted: Claim, lease_s: float) -> Taken | None:
    """Take the key; return who has it when that is not possible."""
    # What was in the way may be gone when it is looked at.
    for _ in range(3):
        with connection.cursor() as cursor:
            cursor.execute(
                _CLAIM,
                {
                    "digest": wanted.digest,
                    "project": wanted.project_id,
                    "fingerprint": wanted.fingerprint,
                    "request": wanted.request_id,
                    "lease_s": lease_s,
                    "kept_s": KEPT_S,
                },
            )
            if cursor.fetchone() is not None:
                return None
        found = (
            IdempotentAnswer.objects.filter(
                digest=wanted.digest, project_id=wanted.project_id
            )
            .values_list("fingerprint", "answered_at", "sealed")
            .first()
        )
        if found is not None:
            fingerprint, answered_at, sealed = found
            kept = None if sealed is None else bytes(sealed)
            return Taken(fingerprint, answered_at is not None, kept)
    return Taken(wanted.fingerprint, is_answered=False, sealed=None)


def answer(held: Claim, sealed: bytes | None) -> bool:
    """Store the answer; False when the claim had been lost before."""
    with connection.cursor() as cursor:
        cursor.execute(_ANSWER, [sealed, KEPT_S, held.digest, held.request_id])
        return bool(cursor.rowcount)


def free(held: Claim) -> None:
    """Let the key be used again: nothing was answered."""
    unanswered = Q(
        digest=held.digest, request_id=held.request_id, answered_at__isnull=True
    )
    IdempotentAnswer.objects.filter(unanswered).delete()


def extend(held: Collection[Claim], lease_s: float) -> None:
    """Let the claims end so many seconds from now, all of them in one statement."""
    digests = [claim.digest for claim in held]
    with connection.cursor() as cursor:
        cursor.execute(
            _EXTEND, [lease_s, digests, [claim.request_id for claim in held]]
        )


def clear_expired(batch: int = BATCH, max_batches: int = MAX_BATCHES) -> int:
    """Delete what has expired, some at a time, and return how many."""
    return delete_in_batches(IdempotentAnswer.objects.expired(), batch, max_batches)
