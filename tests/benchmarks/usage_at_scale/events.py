"""Usage events as a month of work leaves them, made by PostgreSQL."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.utils import timezone

from tenants.models import Project
from usage import partitions
from usage.days import EVENTS, end_of, partition_of, start_of

DAYS = 30
# Of each project.
KEYS = 2
PROVIDERS = 3
_DAY = timedelta(days=1)
_MINUTE = timedelta(minutes=1)


def _uuid7(moment: str) -> str:
    """Return the SQL of an id that tells the moment."""
    return (
        f"(lpad(to_hex((extract(epoch FROM {moment}) * 1000)::bigint), 12, '0') || '7' "
        "|| substr(replace(gen_random_uuid()::text, '-', ''), 14))::uuid"
    )


# The table; then, of a stretch of time: keys, organizations and projects by number,
# its beginning, its seconds, how many projects and events.
_INSERT = f"""
    INSERT INTO {{table}} (
        id, occurred_at, kind, request_id, attempt, api_key_id, organization_id,
        project_id, end_user, feature, feature_id, tags, operation, dialect, alias,
        provider, model, reported_model, streamed, status, http_status, error_code,
        input_tokens, cache_read_tokens, cache_write_tokens, output_tokens,
        reasoning_tokens, other_usage, estimated, cost_usd, saved_usd, price_ids,
        latency_ms, first_token_ms, overhead_ms, cache, fallback, strategy, routing,
        config_version, finish_reason
    )
    SELECT {_uuid7("at")}, at,
        CASE WHEN hit THEN 'cache_hit' ELSE 'attempt' END, {_uuid7("at")}, 1,
        (%s::bigint[])[2 * p - i %% 2], (%s::bigint[])[p], (%s::bigint[])[p],
        'user-' || (cost * 5000)::int, 'feature-' || i %% 4, '', '[]', 'chat',
        'openai_chat', 'alias-' || m %% 3, 'provider-' || m %% {PROVIDERS}, 'model-' || m, '',
        i %% 3 = 0, CASE WHEN bad THEN 'failed' ELSE 'ok' END, 200,
        CASE WHEN bad THEN 'upstream_timeout' ELSE '' END, (cost * 3000)::int, 0, 0,
        (slow * 900)::int, 0, '{{{{}}}}', false,
        CASE WHEN hit THEN 0 ELSE round((cost * 0.01)::numeric, 9) END,
        CASE WHEN hit THEN round((cost * 0.01)::numeric, 9) END, '[]',
        CASE WHEN hit THEN 1 ELSE exp(6 + slow * 2.5) END,
        CASE WHEN i %% 3 = 0 THEN exp(5 + slow * 2) END, 0.5,
        CASE WHEN hit THEN 'hit' ELSE 'miss' END, i %% 50 = 0, 'cheapest', '{{{{}}}}', 1,
        CASE WHEN bad THEN '' WHEN i %% 40 = 0 THEN 'length' ELSE 'stop' END
    FROM (
        SELECT i, %s::timestamptz + make_interval(secs => random() * %s) AS at,
            1 + floor(power(random(), 2) * %s)::int AS p,
            floor(random() * 6)::int AS m, random() AS cost, random() AS slow,
            random() < 0.15 AS hit, random() < 0.03 AS bad
        FROM generate_series(1, %s) AS i OFFSET 0
    ) AS drawn
    ORDER BY at
"""


def fill(projects: Sequence[Project], per_day: int) -> None:
    """Make what is missing up to this moment, oldest first."""
    now = timezone.now()
    begin = _newest() or start_of(now.date() - timedelta(days=DAYS))
    while now - begin > _MINUTE:
        end = min(end_of(begin.date()), now)
        _fill(projects, begin, end, round(per_day * ((end - begin) / _DAY)))
        print(f"events until {end:%Y-%m-%d %H:%M}", flush=True)
        begin = end


def touch(begin: datetime, end: datetime) -> None:
    """Mark the hours as those with news."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO usage_touchedhour (hour) SELECT generate_series("
            "date_trunc('hour', %s, 'UTC'), %s - interval '1 us', '1 hour')",
            [begin, end],
        )


def _newest() -> datetime | None:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT max(occurred_at) FROM {EVENTS}")
        row = cursor.fetchone()
    return row[0] if row else None


def _fill(
    projects: Sequence[Project], begin: datetime, end: datetime, count: int
) -> None:
    keys = [project.api_keys.order_by("pk")[:KEYS] for project in projects]
    values: list[Any] = [
        [key.pk for of_one in keys for key in of_one],
        [project.organization_id for project in projects],
        [project.pk for project in projects],
        begin,
        (end - begin).total_seconds(),
        len(projects),
        count,
    ]
    is_new = begin.date() not in partitions.existing_days()
    table = partition_of(begin.date()) if is_new else EVENTS
    with transaction.atomic(), connection.cursor() as cursor:
        if is_new:
            cursor.execute(
                f"CREATE TABLE {table} "
                f"(LIKE {EVENTS} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)"
            )
        cursor.execute(_INSERT.format(table=table), values)
        if is_new:
            _attach(cursor, table, begin.date())
        touch(begin, end)
    with connection.cursor() as cursor:
        cursor.execute(f"VACUUM ANALYZE {partition_of(begin.date())}")


def _attach(cursor: CursorWrapper, table: str, day: date) -> None:
    """Make the indexes at once, which is quicker than row by row."""
    cursor.execute(
        f"ALTER TABLE {EVENTS} ATTACH PARTITION {table} "
        f"FOR VALUES FROM ('{start_of(day)}') TO ('{end_of(day)}')"
    )
