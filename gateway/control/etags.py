"""The version of a row as HTTP says it: `ETag` and `If-Match`."""

from collections.abc import Iterable

from django.db.models import Model
from rest_framework.request import Request

from gateway.control.errors import VersionMismatch
from tenants.row_versions import version_of


def etag_of(row: Model, parts: Iterable[Model] = ()) -> str:
    """Return the version of a row, and of the rows that are written with it."""
    return f'"{version_of(row, parts)}"'


def check_match(request: Request, etag: str) -> None:
    """Refuse a change of another version than `If-Match` names; without it, none is."""
    wanted = request.headers.get("if-match")
    if wanted is None:
        return
    tags = [tag.strip() for tag in wanted.split(",")]
    if "*" not in tags and etag not in tags:
        raise VersionMismatch
