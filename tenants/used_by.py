"""What stands in the way of deleting a row: the rows that refer to it and must not break."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.db import models
from django.db.models import ForeignObjectRel, QuerySet
from django.db.models.deletion import PROTECT, RESTRICT

from tenants.access import seen_by
from tenants.roles import Reach

SHOWN = 20

Rows = QuerySet[Any] | Sequence[models.Model]


def users_of(
    rows: Rows, reach: Reach | None = None
) -> Iterator[tuple[list[models.Model], str]]:
    """Yield what protects the rows, kind by kind: the first few, and what is more.

    Of what is outside of `reach` it is said that it exists, and no more.
    """
    first = next(iter(rows[:1]), None)
    if first is None:
        return
    if isinstance(rows, QuerySet):
        # Compared in the database: a selection may be long.
        rows = rows.order_by()
    for relation in _protecting(first):
        model: Any = relation.related_model
        everyone = model._base_manager.filter(**{f"{relation.field.name}__in": rows})
        seen = everyone if reach is None else everyone.filter(seen_by(reach, model))
        users = list(seen.order_by("-pk")[: SHOWN + 1])
        has_more = len(users) > SHOWN or (not users and everyone.exists())
        plural = model._meta.verbose_name_plural
        yield users[:SHOWN], f"… and more {plural}" if has_more else ""


def _protecting(row: models.Model) -> Iterator[ForeignObjectRel]:
    for relation in row._meta.get_fields(include_hidden=True):
        if (
            isinstance(relation, ForeignObjectRel)
            and relation.one_to_many
            and relation.on_delete in {PROTECT, RESTRICT}
        ):
            yield relation
