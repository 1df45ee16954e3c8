"""What stands in the way of deleting a row, as a short list with links."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.contrib.admin import AdminSite
from django.db import models
from django.db.models import ForeignObjectRel, QuerySet
from django.db.models.deletion import PROTECT, RESTRICT
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.text import capfirst

SHOWN = 20

Rows = QuerySet[Any] | Sequence[models.Model]


def used_by(rows: Rows, site: AdminSite) -> list[str]:
    """Return links to what protects the rows; of each kind the first few."""
    first = next(iter(rows[:1]), None)
    if first is None:
        return []
    if isinstance(rows, QuerySet):
        # Compared in the database: a selection may be long.
        rows = rows.order_by()
    lines: list[str] = []
    for relation in _protecting(first):
        users = relation.related_model._base_manager.filter(
            **{f"{relation.field.name}__in": rows}
        ).order_by("-pk")[: SHOWN + 1]
        lines += [link_to(user, site) for user in users[:SHOWN]]
        if len(users) > SHOWN:
            plural = relation.related_model._meta.verbose_name_plural
            lines.append(f"… and more {plural}")
    return lines


def link_to(row: models.Model, site: AdminSite) -> str:
    """Return the row's kind and name, as a link where the site has a page for it."""
    meta = row._meta
    kind = capfirst(str(meta.verbose_name))
    try:
        url = reverse(
            f"{site.name}:{meta.app_label}_{meta.model_name}_change", args=[row.pk]
        )
    except NoReverseMatch:
        return f"{kind}: {row}"
    return format_html('{}: <a class="sb-link" href="{}">{}</a>', kind, url, row)


def _protecting(row: models.Model) -> Iterator[ForeignObjectRel]:
    for relation in row._meta.get_fields(include_hidden=True):
        if (
            isinstance(relation, ForeignObjectRel)
            and relation.one_to_many
            and relation.on_delete in {PROTECT, RESTRICT}
        ):
            yield relation
