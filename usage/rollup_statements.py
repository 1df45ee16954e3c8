"""The SQL that sums events into parts of hours, and those into days.

A sketch counts the events of each DDSketch bucket, whose number is the logarithm of the
milliseconds: sketches are merged by adding the counts.
"""

from collections.abc import Iterable

from django.db.models import Model

from usage.analytics.sketches import LEAST_MS, LOG_GAMMA
from usage.models.end_user_usage import EndUserTotal, EndUserUsage, OpenDay
from usage.models.rollup import (
    DIMENSIONS,
    FEW_DIMENSIONS,
    DailyShare,
    DailyTotal,
    DailyUsage,
    HourlyShare,
    HourlyTotal,
    HourlyUsage,
    UsageCounts,
    UsageSums,
)

# Floats are summed as numbers that do not depend on the order of the rows.
_SUMS_OF_EVENTS = {
    "events": "count(*)",
    "requests": "count(DISTINCT request_id)",
    "input_tokens": "sum(input_tokens)",
    "cache_read_tokens": "sum(cache_read_tokens)",
    "cache_write_tokens": "sum(cache_write_tokens)",
    "output_tokens": "sum(output_tokens)",
    "reasoning_tokens": "sum(reasoning_tokens)",
    "cost_usd": "coalesce(sum(cost_usd), 0)",
    "saved_usd": "coalesce(sum(saved_usd) FILTER (WHERE kind = 'cache_hit'), 0)",
    "unpriced": "count(*) FILTER (WHERE cost_usd IS NULL)",
    "estimated": "count(*) FILTER (WHERE estimated)",
    "fallbacks": "count(*) FILTER (WHERE fallback)",
    "truncated": "count(*) FILTER (WHERE finish_reason = 'length')",
    "refused": "count(*) FILTER (WHERE finish_reason = 'content_filter')",
    "violations": ("count(*) FILTER (WHERE error_code = 'schema_validation_failed')"),
    "latency_ms_sum": "sum(latency_ms::numeric)",
    "first_token_ms_sum": "coalesce(sum(first_token_ms::numeric), 0)",
    "first_tokens": "count(first_token_ms)",
}
_SUMS = ", ".join(_SUMS_OF_EVENTS)
_SUMS_OF_SUMS = ", ".join(
    f"sum({name}::numeric) AS {name}"
    if name.endswith("_ms_sum")
    else f"sum({name}) AS {name}"
    for name in _SUMS_OF_EVENTS
)
_SKETCHED = ("latency", "first_token")
_SKETCHES = (
    "latency_buckets, latency_counts, first_token_buckets, first_token_counts, "
    "other_usage"
)


def _columns(model: type[UsageSums], names: Iterable[str]) -> str:
    columns = {field.name: field.attname for field in model._meta.concrete_fields}
    return ", ".join(columns[name] for name in names)


def _bucket(column: str) -> str:
    return f"ceil(ln(greatest({column}, {LEAST_MS})) / {LOG_GAMMA!r})::smallint"


def _insert_hour(model: type[UsageSums], *more: str, condition: str = "true") -> str:
    """Return the statement that sums the events of [begin, end)."""
    group = _columns(model, [*more, *DIMENSIONS])
    sums = ", ".join(f"{sql} AS {name}" for name, sql in _SUMS_OF_EVENTS.items())
    seen = ", ".join(
        f"array_agg({_bucket(f'{name}_ms')}) FILTER (WHERE {name}_ms IS NOT NULL) "
        f"AS {name}_seen"
        for name in _SKETCHED
    )
    sketches = " ".join(
        f"""CROSS JOIN LATERAL (
            SELECT coalesce(array_agg(bucket ORDER BY bucket), '{{}}') AS buckets,
                coalesce(array_agg(n ORDER BY bucket), '{{}}') AS counts
            FROM (
                SELECT bucket, count(*)::int AS n
                FROM unnest(sums.{name}_seen) AS bucket GROUP BY bucket
            ) AS counted
        ) AS {name}"""  # noqa: S608
        for name in _SKETCHED
    )
    return f"""
        INSERT INTO {model._meta.db_table} (hour, {group}, {_SUMS}, {_SKETCHES})
        SELECT hour, {group}, {_SUMS},
            latency.buckets, latency.counts, first_token.buckets, first_token.counts,
            (
                SELECT coalesce(jsonb_object_agg(name, total), '{{}}') FROM (
                    SELECT name, sum(value::numeric) AS total
                    FROM unnest(sums.others) AS one, jsonb_each_text(one) AS e(name, value)
                    GROUP BY name
                ) AS named
            )
        FROM (
            SELECT date_bin(
                    make_interval(mins => coalesce(minutes, 60)),
                    occurred_at, '2000-01-01T00:00:00Z'
                ) AS hour, {group}, {sums}, {seen},
                array_agg(other_usage) FILTER (WHERE other_usage <> '{{}}') AS others
            FROM usage_usageevent LEFT JOIN usage_splithour USING (organization_id)
            WHERE occurred_at >= %s AND occurred_at < %s AND {condition}
            GROUP BY 1, {group}
        ) AS sums {sketches}
    """  # noqa: S608


def _merge(
    model: type[UsageSums],
    time: str,
    names: list[str],
    source: type[UsageSums],
    condition: str,
) -> str:
    """Return the statement that sums rows of the source into fewer.

    Rows of a source with the same column of time stay apart by it; else it is given.
    """
    group = _columns(model, names)
    moment = "%s"
    if time in {field.name for field in source._meta.concrete_fields}:
        group, moment = f"{time}, {group}", ""
    into = group if not moment else f"{time}, {group}"
    told = group if not moment else f"{moment}, {group}"
    sketches = ", ".join(
        f"""{name} AS (
            SELECT number, array_agg(bucket ORDER BY bucket) AS buckets,
                array_agg(n ORDER BY bucket) AS counts
            FROM (
                SELECT number, bucket, sum(n)::int AS n
                FROM parts, unnest({name}_buckets, {name}_counts) AS u(bucket, n)
                GROUP BY number, bucket
            ) AS counted
            GROUP BY number
        )"""  # noqa: S608
        for name in _SKETCHED
    )
    shown = ", ".join(
        f"coalesce({name}.{column}, '{{}}')"
        for name in _SKETCHED
        for column in ("buckets", "counts")
    )
    return f"""
        WITH parts AS MATERIALIZED (
            SELECT *, dense_rank() OVER (ORDER BY {group}) AS number
            FROM {source._meta.db_table} WHERE {condition}
        ), sums AS (
            SELECT number, {group}, {_SUMS_OF_SUMS} FROM parts GROUP BY number, {group}
        ), {sketches}, others AS (
            SELECT number, jsonb_object_agg(name, total) AS other_usage
            FROM (
                SELECT number, name, sum(value::numeric) AS total
                FROM parts, jsonb_each_text(other_usage) AS e(name, value)
                GROUP BY number, name
            ) AS named
            GROUP BY number
        )
        INSERT INTO {model._meta.db_table} ({into}, {_SUMS}, {_SKETCHES})
        SELECT {told}, {_SUMS}, {shown}, coalesce(others.other_usage, '{{}}')
        FROM sums LEFT JOIN latency USING (number) LEFT JOIN first_token USING (number)
            LEFT JOIN others USING (number)
    """  # noqa: S608


def _delete_hour(model: type[Model]) -> str:
    return f"DELETE FROM {model._meta.db_table} WHERE hour >= %s AND hour < %s"  # noqa: S608


def _delete_day(model: type[Model]) -> str:
    return f"DELETE FROM {model._meta.db_table} WHERE day = %s"  # noqa: S608


_WITHIN = "hour >= %s AND hour < %s"
_SHARE = "organization_id, project_id, provider, model, feature"

# Each with the first moment and the one after the last.
REPLACE_HOUR = (
    _delete_hour(HourlyUsage),
    _insert_hour(HourlyUsage),
    _delete_hour(EndUserUsage),
    _insert_hour(EndUserUsage, "end_user", condition="end_user <> ''"),
    _delete_hour(HourlyTotal),
    _merge(HourlyTotal, "hour", FEW_DIMENSIONS, HourlyUsage, _WITHIN),
    _delete_hour(HourlyShare),
    f"""
        INSERT INTO {HourlyShare._meta.db_table} (hour, {_SHARE}, events, cost_usd)
        SELECT hour, organization_id, project_id, coalesce(provider, ''),
            coalesce(model, ''), coalesce(feature, ''),
            coalesce(sum(events) FILTER (WHERE kind <> 'adjustment'), 0), sum(cost_usd)
        FROM {HourlyUsage._meta.db_table} WHERE {_WITHIN}
        GROUP BY hour, organization_id, project_id,
            GROUPING SETS ((provider, model), (feature))
        HAVING grouping(feature) = 1 OR feature <> ''
    """,  # noqa: S608
)
# Each with the day.
CLEAR_DAY = tuple(map(_delete_day, (DailyUsage, DailyTotal, DailyShare)))
# Each with the first moment, the one after the last, and the day.
FILL_DAY = (
    _merge(DailyUsage, "day", DIMENSIONS, HourlyUsage, _WITHIN),
    _merge(DailyTotal, "day", FEW_DIMENSIONS, HourlyTotal, _WITHIN),
    f"""
        WITH summed AS (
            SELECT {_SHARE}, sum(events) AS events, sum(cost_usd) AS cost_usd
            FROM {HourlyShare._meta.db_table} WHERE {_WITHIN} GROUP BY {_SHARE}
        )
        INSERT INTO {DailyShare._meta.db_table} (day, {_SHARE}, events, cost_usd)
        SELECT %s, {_SHARE}, events, cost_usd FROM summed
    """,  # noqa: S608
)
# With the day: whatever its totals of end users say is no longer all.
OPEN_DAY = f"INSERT INTO {OpenDay._meta.db_table} VALUES (%s) ON CONFLICT DO NOTHING"  # noqa: S608

_END_USER = ["organization_id", "project_id", "end_user", "status", "kind", "cache"]
_COUNTS = [
    field.attname
    for field in UsageCounts._meta.local_fields
    if field.attname not in _END_USER
]
CLOSE_DAY = f"DELETE FROM {OpenDay._meta.db_table} WHERE day = %s"  # noqa: S608
CLEAR_END_USERS = _delete_day(EndUserTotal)
# With the day, the first moment, and the one after the last. Rows of a project lie together.
FILL_END_USERS = f"""
    INSERT INTO {EndUserTotal._meta.db_table} (
        day, {", ".join(_END_USER)}, {", ".join(_COUNTS)}
    )
    SELECT %s, {", ".join(_END_USER)}, {", ".join(f"sum({name})" for name in _COUNTS)}
    FROM {EndUserUsage._meta.db_table} WHERE {_WITHIN}
    GROUP BY {", ".join(_END_USER)} ORDER BY project_id
"""  # noqa: S608
