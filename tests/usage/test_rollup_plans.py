"""How PostgreSQL goes about roll-ups of rows that its statistics know nothing of."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from django.db import connection

from tests.usage.events import MOMENT, settlement
from usage.ledger import Ledger
from usage.models import DailyUsage
from usage.records import encode
from usage.rollups import roll_up

_EXPLAIN = "EXPLAIN (FORMAT JSON) "


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", []):
        yield from nodes(below)


def test_new_rows_are_not_joined_one_by_one(ledger: Ledger) -> None:
    later = MOMENT + timedelta(days=1)
    ledger.write([b"S" + encode(settlement())])
    roll_up()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    models = [f"model-{number}" for number in range(50)]
    events = [settlement(occurred_at=later, model=name) for name in models]
    ledger.write([b"S" + encode(event) for event in events])
    plans: list[dict[str, Any]] = []

    def explain(execute: Callable[..., Any], sql: str, params: Any, *more: Any) -> Any:
        if "INSERT INTO usage_daily" in sql and not sql.startswith(_EXPLAIN):
            with connection.cursor() as cursor:
                cursor.execute(_EXPLAIN + sql, params)
                row = cursor.fetchone()
            assert row is not None
            plans.append(row[0][0]["Plan"])
        return execute(sql, params, *more)

    with connection.execute_wrapper(explain):
        roll_up()

    assert DailyUsage.objects.count() == 51
    assert len(plans) == 3
    for plan in plans:
        for node in nodes(plan):
            if node["Node Type"] == "Nested Loop":
                # Each list is unpacked by itself.
                assert node["Plans"][1]["Node Type"] == "Function Scan"
