"""What events add to budgets, worked out where they are written."""

import logging
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

logger = logging.getLogger(__name__)

# The budgets that an event `w` counts to, with the start and end of its window. All of
# them count, inactive ones too, so that one that is switched on again is right.
SPEND_BY_WINDOW = """
    SELECT
        b.id AS budget_id,
        CASE WHEN b.each_end_user THEN w.end_user ELSE '' END AS subject,
        usage_window_start(b.per, w.occurred_at, z.zone) AS starts_at,
        usage_window_end(b.per, w.occurred_at, z.zone) AS ends_at,
        sum(
            COALESCE(usage_nano(w.cost_usd), 0)
            - COALESCE(usage_nano(w.intent_cost_usd), 0)
        )::bigint AS nano,
        count(*) FILTER (
            WHERE w.cost_usd IS NULL AND w.status NOT IN ('failed', 'unsettled')
        ) AS unpriced
    FROM written w
    JOIN tenants_budget b
        ON b.project_id = w.project_id OR b.organization_id = w.organization_id
    LEFT JOIN tenants_enduser u ON u.id = b.end_user_id
    LEFT JOIN tenants_apikey k ON k.id = w.api_key_id
    CROSS JOIN LATERAL usage_zone_of(b.project_id, b.organization_id) AS z (zone)
    WHERE (b.api_key_id IS NULL OR b.api_key_id IN (k.id, k.rotated_to_id))
        AND (b.alias = '' OR b.alias = w.alias)
        AND (b.end_user_id IS NULL OR u.external_id = w.end_user)
        AND (NOT b.each_end_user OR w.end_user <> '')
        AND (w.cost_usd IS DISTINCT FROM 0 OR w.intent_cost_usd > 0)
    GROUP BY 1, 2, 3, 4
    ORDER BY 1, 2, 3
"""


class Booked(NamedTuple):
    """What a batch of events has added to one window.

    `taken` of it was held by `worker`; `crossed` are the percentages of the budget that
    were reached for the first time. Money is in nano-USD.
    """

    budget_id: int
    subject: str
    starts_at: int
    nano: int
    taken: int
    spent: int
    limit: int
    crossed: Sequence[int]
    worker: str


def booked_from(rows: Iterable[Sequence[Any]], worker: str) -> list[Booked]:
    return [Booked._make([*row[:7], row[7] or (), worker]) for row in rows]


def log_warnings(booked: Iterable[Booked]) -> None:
    for each in booked:
        if each.crossed:
            logger.warning(
                "budget warning",
                extra={
                    "budget": each.budget_id,
                    "percent": max(each.crossed),
                    "spent_usd": each.spent / 1e9,
                    "limit_usd": each.limit / 1e9,
                },
            )
