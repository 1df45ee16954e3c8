"""The audit as a file: comma-separated values, or a line of JSON for each change."""

import csv
import io
import json
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import asdict
from typing import Any

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.db.models import QuerySet
from django.http import HttpRequest, StreamingHttpResponse

from tenants.audit_entries import Entry
from tenants.audit_trail import page_of

_PAGE = 500
_COLUMNS = (
    "at",
    "actor",
    "place",
    "action",
    "model",
    "object_id",
    "name",
    "parent",
    "field",
    "before",
    "after",
)
# What spreadsheets take for the beginning of a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def export_lines(sources: list[QuerySet[Any]], kind: str) -> Iterator[bytes]:
    """Yield the file piece by piece, newest changes first; `kind` is of `FORMATS`."""
    written, first = _FORMATS[kind]
    if first:
        yield first
    before = ""
    while True:
        page, before = page_of(sources, before, _PAGE)
        if page:
            yield "".join(map(written, page)).encode()
        if not before:
            return


def export_response(
    request: HttpRequest, sources: list[QuerySet[Any]], kind: str
) -> StreamingHttpResponse:
    """Send the file page by page."""
    lines = export_lines(sources, kind)
    return StreamingHttpResponse(
        _awaited(lines) if isinstance(request, ASGIRequest) else lines,
        content_type=content_type(kind),
        headers={"Content-Disposition": f'attachment; filename="audit.{kind}"'},
    )


def content_type(kind: str) -> str:
    return "text/csv; charset=utf-8" if kind == "csv" else "application/x-ndjson"


async def _awaited(lines: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Read each piece outside of the event loop."""
    while piece := await sync_to_async(_next)(lines):
        yield piece


def _next(lines: Iterator[bytes]) -> bytes:
    return next(lines, b"")


def _json_line(entry: Entry) -> str:
    said = {
        "at": entry.at.isoformat(),
        "actor": entry.actor,
        "place": entry.place,
        "action": entry.action,
        "model": entry.model._meta.label_lower,
        "object_id": entry.object_id,
        "name": entry.name,
        "parent": entry.parent,
        "changes": [asdict(change) for change in entry.changes],
    }
    return json.dumps(said, ensure_ascii=False) + "\n"


def _csv_lines(entry: Entry) -> str:
    """Return a line for each field that changed, or one when none is recorded."""
    about = (
        entry.at.isoformat(),
        entry.actor,
        entry.place,
        entry.action,
        entry.model._meta.label_lower,
        entry.object_id,
        entry.name,
        entry.parent,
    )
    fields = [(each.field, each.before, each.after) for each in entry.changes]
    return "".join(_csv_line(*about, *each) for each in fields or [("", "", "")])


def _csv_line(*values: str) -> str:
    file = io.StringIO()
    csv.writer(file).writerow(
        f"'{value}" if value.startswith(_FORMULA) else value for value in values
    )
    return file.getvalue()


_FORMATS: dict[str, tuple[Callable[[Entry], str], bytes]] = {
    "csv": (_csv_lines, _csv_line(*_COLUMNS).encode()),
    "jsonl": (_json_line, b""),
}
FORMATS = tuple(_FORMATS)
