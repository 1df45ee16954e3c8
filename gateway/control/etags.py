"""Which version of a row somebody has seen, so that nobody overwrites what he has not."""

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from django.db.models import Field, Model
from rest_framework.request import Request

from gateway.control.errors import VersionMismatch

_LENGTH = 32


def etag_of(row: Model, parts: Iterable[Model] = ()) -> str:
    """Return the version of a row, and of the rows that are written with it."""
    contents = [
        {
            column.attname: _text_of(column, each)
            for column in each._meta.concrete_fields
        }
        for each in (row, *parts)
    ]
    text = json.dumps(contents, sort_keys=True, default=str)
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:_LENGTH]}"'


def _text_of(column: Field[Any, Any], row: Model) -> str | None:
    if column.value_from_object(row) is None:
        return None
    return str(column.value_to_string(row))


def check_match(request: Request, etag: str) -> None:
    """Refuse a change of another version than `If-Match` names; without it, none is."""
    wanted = request.headers.get("if-match")
    if wanted is None:
        return
    tags = [tag.strip() for tag in wanted.split(",")]
    if "*" not in tags and etag not in tags:
        raise VersionMismatch
