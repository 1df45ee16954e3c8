"""What people think of answers, by the buckets and groups of a question."""

from dataclasses import dataclass
from typing import Any

from django.db import connection

from usage.analytics.reading import Group, Selection
from usage.models import Feedback

# What is known of the answer that a feedback is about.
_COLUMNS = frozenset(
    {"project_id", "operation", "alias", "provider", "model", "feature", "end_user"}
)
_ORGANIZATION = "organization_id"
_TABLE = Feedback._meta.db_table


@dataclass(frozen=True, slots=True)
class Opinion:
    """How many said something, and the mean of their scores."""

    count: int = 0
    score: float | None = None


def opinions_of(selection: Selection) -> dict[Group, Opinion] | None:
    """Return the opinions by group; None where feedback does not know what is asked by."""
    where, group_by = dict(selection.where), selection.group_by
    organizations = where.pop(_ORGANIZATION, None)
    if not {*where, *group_by} <= _COLUMNS:
        return None
    values: list[Any] = []
    bucket = "1"
    if selection.cuts:
        bucket = "width_bucket(occurred_at, %s::timestamptz[])"
        values.append(list(selection.cuts))
    within = "occurred_at >= %s AND occurred_at < %s"
    values += [selection.begin, selection.end]
    for name, allowed in where.items():
        within += f" AND {name} = ANY(%s)"
        values.append(list(allowed))
    if organizations is not None:
        within += (
            " AND project_id IN"
            " (SELECT id FROM tenants_project WHERE organization_id = ANY(%s))"
        )
        values.append(list(organizations))
    keys = "".join(f", {name}" for name in group_by)
    numbers = ", ".join(str(n) for n in range(1, len(group_by) + 2))
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {bucket}{keys}, count(*), avg(score) FROM {_TABLE} "  # noqa: S608
            f"WHERE {within} GROUP BY {numbers}",
            values,
        )
        found = cursor.fetchall()
    size = 1 + len(group_by)
    return {row[:size]: Opinion(row[size], float(row[size + 1])) for row in found}
