"""Pages of long lists, without counting them."""

from functools import cached_property
from typing import Any

from django.core.paginator import Page, Paginator
from django.db import connection
from django.db.models import QuerySet

# Up to here rows are counted; beyond, PostgreSQL's estimate or "more than" is shown.
COUNTED = 10_000


class EstimatingPaginator(Paginator):  # type: ignore[type-arg]
    """Counts what is quickly counted, and says so where a figure is none."""

    template_name = "admin/signalbox/_pagination.html"
    about = ""

    @cached_property
    def count(self) -> int:
        rows = self.object_list
        if not isinstance(rows, QuerySet):
            return len(rows)
        if not rows.query.where and not rows.query.distinct:
            estimate = _estimated_rows(rows.model._meta.db_table)
            if estimate > COUNTED:
                self.about = "about"
                return estimate
        counted = rows.order_by()[: COUNTED + 1].count()
        if counted > COUNTED:
            self.about = "more than"
        return min(counted, COUNTED)

    def page(self, number: int | str) -> Page[Any]:
        number = self.validate_number(number)
        begin = (number - 1) * self.per_page
        if begin <= COUNTED or not isinstance(self.object_list, QuerySet):
            return super().page(number)
        # So far back, rows are skipped by their keys alone, and only then fetched.
        keys = self.object_list.values_list("pk", flat=True)
        shown = list(keys[begin : begin + self.per_page])
        return Page(self.object_list.filter(pk__in=shown), number, self)


def _estimated_rows(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT reltuples::bigint FROM pg_class WHERE oid = to_regclass(%s)",
            [f'"{table}"'],
        )
        row = cursor.fetchone()
    return 0 if row is None else max(0, row[0])
