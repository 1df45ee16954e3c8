"""Choosing and opening entries: only those that fit the budget leave the database.

Runs in a thread with a connection of its own, never in the event loop.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from gateway.context.wishes import Wish
from tenants.context.scopes import EVERY_OTHER
from tenants.context.sealing import answers_secret, open_content, unwrap_for

_LONG_AGO = datetime(1, 1, 2, tzinfo=UTC)
_FAR_OFF = datetime(9999, 12, 30, tzinfo=UTC)

# What the rules let through, best first, and of that what has room in the budget.
_CHOOSE = """
SELECT id, kind, occurred_at, sealed FROM (
    SELECT found.*, sum(tokens) OVER (ORDER BY {order}) - tokens AS before
    FROM ({found}) AS found
) AS fitting WHERE before < %(budget)s ORDER BY {order}
"""
_NAMED = """
SELECT entry.* FROM
unnest(%(kinds)s::text[], %(since)s::timestamptz[], %(most)s::int[])
    AS rule (kind, since, most)
CROSS JOIN LATERAL (
    SELECT id, kind, occurred_at, tokens, sealed{distance}
    FROM tenants_contextentry
    WHERE end_user_id = %(user)s AND kind = rule.kind
        AND occurred_at >= rule.since AND occurred_at < %(until)s
        AND (expires_at IS NULL OR expires_at > %(now)s){condition}
    ORDER BY {order} LIMIT rule.most
) AS entry
"""
_OTHERS = """
SELECT entry.* FROM (
    SELECT id, kind, occurred_at, tokens, sealed{distance}
    FROM tenants_contextentry
    WHERE end_user_id = %(user)s AND kind <> ALL(%(not_kinds)s::text[])
        AND occurred_at >= %(others_since)s AND occurred_at < %(until)s
        AND (expires_at IS NULL OR expires_at > %(now)s){condition}
    ORDER BY {order} LIMIT %(others_most)s
) AS entry
"""
_NEWEST = "occurred_at DESC, id DESC"
_PARTS = {"order": _NEWEST, "distance": "", "condition": ""}
_PARTS_BY_VECTOR = {
    "order": f"distance, {_NEWEST}",
    "distance": ", embedding <=> %(vector)s::vector AS distance",
    "condition": (
        " AND embedding IS NOT NULL AND embedded_with <> ''"
        " AND vector_dims(embedding) = vector_dims(%(vector)s::vector)"
    ),
}
_KEYS = """
SELECT outer_key.kek_id, outer_key.wrapped, inner_key.wrapped
FROM tenants_enduserkey inner_key
JOIN tenants_datakey outer_key ON outer_key.project_id = inner_key.project_id
WHERE inner_key.end_user_id = %s AND inner_key.project_id = %s
"""


@dataclass(frozen=True, slots=True)
class Opened:
    """An entry in clear, for as long as a request needs it."""

    kind: str
    occurred_at: datetime
    content: object


@dataclass(frozen=True, slots=True)
class Chosen:
    """What was found; `secret` None: the user has no key, and so no entries."""

    entries: tuple[Opened, ...] = ()
    secret: bytes | None = None


def choose(
    wish: Wish,
    project_id: int,
    user_pk: int,
    now: datetime,
    vector: str | None = None,
) -> Chosen:
    """Return the entries that the wish lets through and its budget has room for.

    Newest first, or, with the vector of a question, the most similar first. Raises
    `Unsealable` when one does not open where it stands.
    """
    with connection.cursor() as cursor:
        cursor.execute(_KEYS, [user_pk, project_id])
        found = cursor.fetchone()
        if found is None:
            return Chosen()
        kek_id, outer, inner = found
        key = unwrap_for(project_id, user_pk, kek_id, bytes(outer), bytes(inner))
        rows = _rows(cursor, wish, user_pk, now, vector)
    entries = tuple(
        Opened(
            kind, at, open_content(bytes(sealed), key, project_id, user_pk, entry_id)
        )
        for entry_id, kind, at, sealed in rows
    )
    return Chosen(entries, answers_secret(key))


def _rows(
    cursor: Any, wish: Wish, user_pk: int, now: datetime, vector: str | None
) -> Sequence[tuple[UUID, str, datetime, bytes]]:
    named = [rule for rule in wish.rules.kinds if rule.kind != EVERY_OTHER]
    rest = next((r for r in wish.rules.kinds if r.kind == EVERY_OTHER), None)
    rules = [
        (rule.kind, _since(wish, rule.days, now), rule.max_entries)
        for rule in named
        if _is_wanted(rule.kind, wish)
    ]
    not_kinds = [rule.kind for rule in named]
    if rest is not None and wish.include is not None:
        # What is asked for by name needs no search among the others.
        since = _since(wish, rest.days, now)
        rules += [
            (kind, since, rest.max_entries)
            for kind in sorted(wish.include - wish.exclude - set(not_kinds))
        ]
        rest = None
    if not rules and rest is None:
        return ()
    arguments: dict[str, Any] = {
        "user": user_pk,
        "kinds": [kind for kind, _, _ in rules],
        "since": [since for _, since, _ in rules],
        "most": [most for _, _, most in rules],
        "until": min(wish.until or _FAR_OFF, now + timedelta(seconds=1)),
        "now": now,
        "budget": wish.rules.token_budget,
        "vector": vector,
    }
    if rest is not None:
        arguments |= {
            "not_kinds": [*not_kinds, *sorted(wish.exclude)],
            "others_since": _since(wish, rest.days, now),
            "others_most": rest.max_entries,
        }
    cursor.execute(
        _statement(has_rest=rest is not None, by_vector=bool(vector)), arguments
    )
    rows: Sequence[tuple[UUID, str, datetime, bytes]] = cursor.fetchall()
    return rows


def _statement(*, has_rest: bool, by_vector: bool) -> str:
    parts = _PARTS_BY_VECTOR if by_vector else _PARTS
    found = f"{_NAMED} UNION ALL {_OTHERS}" if has_rest else _NAMED
    return _CHOOSE.format(found=found.format(**parts), order=parts["order"])


def _since(wish: Wish, days: int | None, now: datetime) -> datetime:
    """Return from when on; a request narrows what the scope allows, and never widens it."""
    look_back = _LONG_AGO if days is None else now - timedelta(days=days)
    return look_back if wish.since is None else max(look_back, wish.since)


def _is_wanted(kind: str, wish: Wish) -> bool:
    return kind not in wish.exclude and (wish.include is None or kind in wish.include)
