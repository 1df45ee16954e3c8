"""Pages of a list, by where the page before ended: nothing is counted or skipped.

A cursor holds the value of the column in order and the id of the row at the edge, so
that rows which come or go in the meantime neither repeat nor hide others.
"""

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import ValidationError
from django.db.models import Field, Q
from django.utils.encoding import iri_to_uri
from rest_framework.exceptions import ValidationError as FieldsRefused
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param
from rest_framework.views import APIView

DEFAULT_SIZE = 50
MAX_SIZE = 200
PARAMETERS = ("cursor", "page_size", "ordering")


@dataclass(frozen=True, slots=True)
class Edge:
    """Where a page begins: after this row, or, backwards, before it."""

    value: str
    pk: str
    backwards: bool = False

    def encode(self) -> str:
        text = json.dumps([self.value, self.pk, int(self.backwards)])
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @classmethod
    def decode(cls, text: str) -> "Edge":
        try:
            padded = text + "=" * (-len(text) % 4)
            value, pk, backwards = json.loads(base64.urlsafe_b64decode(padded))
            if not (isinstance(value, str) and isinstance(pk, str)):
                raise TypeError
            return cls(value, pk, bool(backwards))
        except (ValueError, TypeError, binascii.Error, RecursionError) as error:
            raise _bad_cursor() from error


def _bad_cursor() -> FieldsRefused:
    msg = "This is no cursor of this list; begin without one."
    return FieldsRefused({"cursor": [msg]})


class CursorPages(BasePagination):
    """`orderings` of the view are the columns that may be ordered by, none of them null;
    the first is the default, and `-` before it means from the last."""

    def paginate_queryset(
        self, queryset: Any, request: Request, view: APIView | None = None
    ) -> list[Any]:
        name, descending = _ordering(request, getattr(view, "orderings", ("-id",)))
        size = page_size(request)
        column: Field[Any, Any] = queryset.model._meta.get_field(name)
        self._url = request.build_absolute_uri()
        text = request.query_params.get("cursor", "")
        edge = Edge.decode(text) if text else None
        backwards = edge is not None and edge.backwards
        falling = descending != backwards
        if edge is not None:
            queryset = queryset.filter(_beyond(edge, column, falling=falling))
        sign = "-" if falling else ""
        rows = list(queryset.order_by(f"{sign}{name}", f"{sign}pk")[: size + 1])
        more, page = len(rows) > size, rows[:size]
        if backwards:
            page.reverse()
        self._next = self._previous = None
        if page:
            first, last = page[0], page[-1]
            if more or backwards:
                self._next = self._link(_edge(last, column))
            if (edge is not None and not backwards) or (backwards and more):
                self._previous = self._link(_edge(first, column, backwards=True))
        return page

    def _link(self, edge: Edge) -> str:
        return replace_query_param(self._url, "cursor", edge.encode())

    def get_paginated_response(self, data: Any) -> Response:
        return page_response(self._next, self._previous, data)

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        link = {"type": ["string", "null"], "format": "uri-reference"}
        after = {
            **link,
            "example": "https://gateway.example/…?cursor=WyI0MSIsICI0MSIsIDBd",
        }
        return {
            "type": "object",
            "required": ["next", "previous", "results"],
            "properties": {
                "next": after,
                "previous": {**link, "example": None},
                "results": schema,
            },
        }

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        return page_parameters(view.orderings)


def page_response(next_url: str | None, previous: str | None, data: Any) -> Response:
    return Response({"next": next_url, "previous": previous, "results": data})


def link_with(request: Request, **changes: str) -> str:
    """Return the address of this request with other parameters."""
    kept = {**request.query_params.dict(), **changes}
    path = request.build_absolute_uri(request.path)
    return iri_to_uri(f"{path}?{urlencode(kept)}") or path


def page_parameters(orderings: Sequence[str]) -> list[dict[str, Any]]:
    """Describe for the schema what every list takes."""
    found = [
        {
            "name": "cursor",
            "description": "Where the page begins: as `next` and `previous` hold it.",
            "schema": {"type": "string"},
        },
        {
            "name": "page_size",
            "description": f"At most {MAX_SIZE}.",
            "schema": {
                "type": "integer",
                "minimum": 1,
                "maximum": MAX_SIZE,
                "default": DEFAULT_SIZE,
            },
        },
    ]
    if orderings:
        names = [each.lstrip("-") for each in orderings]
        found.append(
            {
                "name": "ordering",
                "description": "A minus before it: from the last.",
                "schema": {
                    "enum": [*names, *(f"-{name}" for name in names)],
                    "default": orderings[0],
                },
            }
        )
    return [{"in": "query", "required": False, **each} for each in found]


def page_size(request: Request) -> int:
    """Return how many rows a page is to have."""
    text = request.query_params.get("page_size", str(DEFAULT_SIZE))
    if text.isascii() and text.isdecimal() and 1 <= int(text[:9]) <= MAX_SIZE:
        return int(text)
    msg = f"This is a whole number from 1 to {MAX_SIZE}."
    raise FieldsRefused({"page_size": [msg]})


def _ordering(request: Request, known: Sequence[str]) -> tuple[str, bool]:
    wanted = request.query_params.get("ordering", known[0])
    name = wanted.removeprefix("-")
    if name not in [each.lstrip("-") for each in known]:
        listed = ", ".join(each.lstrip("-") for each in known)
        msg = f"This list is ordered by one of {listed}; a minus before it turns it round."
        raise FieldsRefused({"ordering": [msg]})
    return name, wanted.startswith("-")


def _edge(row: Any, column: Field[Any, Any], *, backwards: bool = False) -> Edge:
    pk = row._meta.pk
    return Edge(column.value_to_string(row), pk.value_to_string(row), backwards)


def _beyond(edge: Edge, column: Field[Any, Any], *, falling: bool) -> Q:
    try:
        value = column.to_python(edge.value)
        pk = column.model._meta.pk.to_python(edge.pk)
        if isinstance(value, datetime):
            value = value.astimezone(UTC)
    except (ValidationError, OverflowError) as error:
        raise _bad_cursor() from error
    if value is None or pk is None:
        raise _bad_cursor()
    way = "lt" if falling else "gt"
    # The first condition lets an index of the column be used.
    return Q(**{f"{column.name}__{way}e": value}) & (
        Q(**{f"{column.name}__{way}": value}) | Q(**{f"pk__{way}": pk})
    )
