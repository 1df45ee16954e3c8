"""Pages by key: the cursor is where the last page ended."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from gateway.refusals import InvalidRequest

USUAL_SIZE = 50
MAX_SIZE = 200


def page_size(query: Mapping[str, str]) -> int:
    """Return the query's `limit`. Raises `InvalidRequest`."""
    said = query.get("limit", str(USUAL_SIZE))
    if said.isdecimal() and 1 <= int(said[:9]) <= MAX_SIZE:
        return int(said)
    msg = f"'limit' is a whole number from 1 to {MAX_SIZE}."
    raise InvalidRequest(msg, param="limit")


def uuid_in(query: Mapping[str, str], name: str) -> UUID | None:
    """Return the id that the query names. Raises `InvalidRequest`."""
    said = query.get(name)
    if not said:
        return None
    try:
        return UUID(said)
    except ValueError as error:
        raise InvalidRequest(f"{name!r} is no id.", param=name) from error


def page_of(
    rows: QuerySet[Any], size: int, cursor: str
) -> tuple[list[Any], str | None]:
    """Return a page, the newest first, and the cursor of the next one if there is one."""
    last = uuid_in({"cursor": cursor}, "cursor")
    if last is not None:
        rows = rows.filter(pk__lt=last)
    page = list(rows.order_by("-id")[: size + 1])
    if len(page) <= size:
        return page, None
    return page[:size], str(page[size - 1].pk)
