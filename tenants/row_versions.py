"""Which version of a row somebody has seen, so that nobody overwrites what he has not."""

import hashlib
import json
from collections.abc import Iterable

from django.db.models import Field, Model

_LENGTH = 32


def version_of(row: Model, parts: Iterable[Model] = ()) -> str:
    """Return the version of a row, and of the rows that are written with it."""
    contents = [
        {
            column.attname: _text_of(column, each)
            for column in each._meta.concrete_fields
        }
        for each in (row, *parts)
    ]
    text = json.dumps(contents, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:_LENGTH]


def _text_of(column: "Field[object, object]", row: Model) -> str | None:
    if column.value_from_object(row) is None:
        return None
    return str(column.value_to_string(row))
