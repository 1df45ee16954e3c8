"""Rows, and the values of their columns, in words that people read."""

import json
from datetime import datetime
from typing import Any

from django.core.exceptions import ObjectDoesNotExist
from django.db import models


def name_of(row: models.Model) -> str:
    """Return the name of a row of which nothing else need be left."""
    try:
        return str(row)
    except ObjectDoesNotExist:
        return f"{row._meta.verbose_name} {row.pk}"


class Texts:
    """Values as people read them; rows that foreign keys name are looked up once."""

    def __init__(self) -> None:
        self._known: dict[tuple[type[models.Model], Any], models.Model | None] = {}

    def of(self, model: type[models.Model], pk: Any) -> str:
        row = self._row(model, pk)
        return f"#{pk}" if row is None else self.name(row)

    def name(self, row: models.Model) -> str:
        """Return what a row is called, which may be by rows that it refers to."""
        self.attach(row)
        return name_of(row)

    def attach(self, row: models.Model) -> None:
        """Give the row those that it refers to, which many have in common."""
        for column in row._meta.concrete_fields:
            if not isinstance(column, models.ForeignKey) or column.is_cached(row):
                continue
            key = getattr(row, column.attname)
            if key is not None and (found := self._row(column.related_model, key)):
                setattr(row, column.name, found)

    def _row(self, model: type[models.Model], pk: Any) -> models.Model | None:
        if (model, pk) not in self._known:
            self._known[model, pk] = model._base_manager.filter(pk=pk).first()
        return self._known[model, pk]

    def value(self, column: models.Field[Any, Any], value: Any) -> str:
        if value is None or value in ("", [], {}):
            return ""
        if isinstance(column, models.ForeignKey):
            return self.of(column.related_model, value)
        if isinstance(value, datetime):
            return f"{value:%Y-%m-%d %H:%M:%S} UTC"
        if isinstance(column, models.BinaryField):
            return bytes(value).hex()
        if isinstance(column, models.JSONField):
            return json.dumps(value, ensure_ascii=False)
        return str(value)
