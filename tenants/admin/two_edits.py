"""Two people edit one row: who saves last is told what the first has changed.

A form says which version of the row, and of the rows on its page, it was opened at.
"""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib.admin.utils import unquote
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import QuerySet
from django.forms.models import _get_foreign_key
from django.http import HttpRequest, HttpResponse

from tenants.access import seen_by
from tenants.admin.audit_entries import shown_entries
from tenants.audit_entries import Entry
from tenants.audit_trail import entries_of, page_of
from tenants.roles import reach_for
from tenants.row_versions import version_of

VERSION = "_version"
_MAX_SHOWN = 10
_STALE = (
    "Somebody else saved this after you had opened it; what they changed stands above. "
    "Nothing of yours is saved yet. Save again to put your entries over theirs, or open "
    "the page anew to begin from what is there now."
)
_GONE = 253402300799.0

if TYPE_CHECKING:
    from tenants.admin.unfolded import ModelAdmin

    _Page = ModelAdmin[Any]
else:
    _Page = object


class VersionedForm(forms.ModelForm[Any]):
    """A form that knows the version it was opened at, and whether that is the newest."""

    version: ClassVar[str] = ""
    is_stale: ClassVar[bool] = False
    changed_meanwhile: ClassVar[list[dict[str, Any]]] = []

    def clean(self) -> Any:
        cleaned = super().clean()
        if self.is_stale:
            self.add_error(None, ValidationError(_STALE, code="stale"))
        return cleaned


class NoticesOtherEdits(_Page):
    """A page that refuses to overwrite what its reader has not seen."""

    change_form_before_template = "admin/signalbox/_two_edits.html"

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        if request.method != "POST" or object_id is None:
            return super().changeform_view(request, object_id, form_url, extra_context)
        with transaction.atomic():
            row = self.get_object(request, unquote(object_id))
            if row is not None:
                # Whoever saves at the same moment waits here, and is then told.
                _lock(self.model, [row.pk])
                for rows in self._rows_on_page(request, row):
                    _lock(rows.model, rows.values_list("pk", flat=True))
            return super().changeform_view(request, object_id, form_url, extra_context)

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        if obj is None or not change or not self.has_change_permission(request, obj):
            return form
        return type(
            form.__name__, (VersionedForm, form), self._version_for(request, obj)
        )

    def _version_for(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """Return what the form of this request says of its version."""
        parts = [part for rows in self._rows_on_page(request, row) for part in rows]
        # Not the row at hand, which takes on what was sent.
        now = self.model._base_manager.get(pk=row.pk)
        digest = version_of(now, parts)
        fresh = f"{digest}.{datetime.now(UTC).timestamp():.3f}"
        sent = request.POST.get(VERSION, "")
        seen, _, opened = sent.partition(".")
        if not sent:
            return {"version": fresh}
        if seen == digest:
            return {"version": sent}
        entries = self._entries_since(request, row, _moment(opened))
        return {"version": fresh, "is_stale": True, "changed_meanwhile": entries}

    def _rows_on_page(self, request: HttpRequest, row: Any) -> list[QuerySet[Any]]:
        """Return the rows that are edited on the page of this row."""
        found = []
        for inline in self.get_inline_instances(request, row):
            if inline.has_change_permission(request, row):
                key = _get_foreign_key(self.model, inline.model, fk_name=inline.fk_name)
                rows = inline.get_queryset(request).filter(**{key.name: row.pk})
                found.append(rows.order_by("pk"))
        return found

    def _entries_since(
        self, request: HttpRequest, row: Any, opened: datetime
    ) -> list[dict[str, Any]]:
        """Return what the audit tells of the page since then: the newest of it at least."""
        reach = reach_for(request)
        kinds = {self.model, *(r.model for r in self._rows_on_page(request, row))}
        sources = [
            events.filter(seen_by(reach, events.model.pgh_tracked_model, shared=False))
            for events in entries_of(row)
            if events.model.pgh_tracked_model in kinds
        ]
        found, _ = page_of(sources, size=_MAX_SHOWN)
        newest: list[Entry] = found[:1]
        since = [entry for entry in found if entry.at >= opened]
        return shown_entries(since or newest, self.admin_site)


def _lock(model: type[models.Model], keys: Any) -> None:
    rows = model._base_manager.filter(pk__in=list(keys)).order_by("pk")
    list(rows.select_for_update(of=("self",)).values_list("pk", flat=True))


def _moment(text: str) -> datetime:
    """Return when a form was opened, as it says itself; nonsense is long ago."""
    try:
        return datetime.fromtimestamp(min(float(text), _GONE), UTC)
    except (ValueError, OverflowError):
        return datetime.min.replace(tzinfo=UTC)
