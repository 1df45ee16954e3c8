"""What every page of the admin has in common."""

from collections.abc import Iterable
from typing import Any, ClassVar

from django import forms
from django.contrib.admin import ShowFacets
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import models
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from tenants.access import access_to, seen_by
from tenants.admin.audit_entries import shown_entries
from tenants.admin.form_fields import ReadableJSONField
from tenants.admin.paging import EstimatingPaginator
from tenants.admin.permissions import ScopedPage
from tenants.admin.two_edits import NoticesOtherEdits
from tenants.admin.unfolded import ModelAdmin
from tenants.admin.used_by import used_by
from tenants.audit_trail import entries_of, page_of
from tenants.roles import reach_for


class OperatorList(ChangeList):
    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        # Nothing was counted beyond what is shown, so no second figure is offered.
        self.full_result_count = self.result_count


class OperatorAdmin(NoticesOtherEdits, ScopedPage, ModelAdmin[Any]):
    """A list that opens quickly however long it is, and a form that explains.

    Whom its rows are for stands in `tenants.access`.
    """

    paginator: ClassVar[type[Paginator[Any]]] = EstimatingPaginator
    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    list_per_page = 50
    list_filter_submit = True
    warn_unsaved_form = True
    delete_confirmation_template = "admin/signalbox/delete_confirmation.html"
    delete_selected_confirmation_template = (
        "admin/signalbox/delete_selected_confirmation.html"
    )

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return OperatorList

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        access = access_to(self.model)
        hidden = access.confidential if access is not None else frozenset()
        fieldsets = super().get_fieldsets(request, obj)
        if not hidden or obj is None or self.has_change_permission(request, obj):
            return fieldsets
        return [
            (title, {**options, "fields": _without(options["fields"], hidden)})
            for title, options in fieldsets
        ]

    def formfield_for_dbfield(
        self, db_field: models.Field[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> forms.Field | None:
        field = super().formfield_for_dbfield(
            db_field, request, **readable_json(db_field), **kwargs
        )
        return with_default(field, db_field)

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[Any], dict[str, int], set[str], list[str]]:
        """Ask first who uses the rows: collecting a million of them would take long."""
        users = used_by(objs, self.admin_site, reach_for(request))
        if protected := [*users, *self.also_used_by(objs)]:
            return [], {}, set(), protected
        return super().get_deleted_objects(objs, request)

    def also_used_by(self, objs: Iterable[Any]) -> list[str]:
        """Name users of the rows that no foreign key tells of."""
        return []

    def history_view(
        self,
        request: HttpRequest,
        object_id: str,
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        row = self.get_object(request, object_id)
        if row is None:
            raise Http404
        if not self.has_view_or_change_permission(request, row):
            raise PermissionDenied
        reach = reach_for(request)
        # What all organizations share has its history seen by the installation alone.
        sources = [
            events.filter(seen_by(reach, events.model.pgh_tracked_model, shared=False))
            for events in entries_of(row)
        ]
        entries, older = page_of(sources, request.GET.get("before", ""))
        context = {
            **self.admin_site.each_context(request),
            "title": f"History of {row}",
            "object": row,
            "original": row,
            "opts": self.opts,
            "entries": shown_entries(entries, self.admin_site),
            "older": older,
            **(extra_context or {}),
        }
        return TemplateResponse(request, "admin/signalbox/object_history.html", context)


class ReadOnlyAdmin(OperatorAdmin):
    """Rows to look at."""

    warn_unsaved_form = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def _without(fields: Any, hidden: frozenset[str]) -> list[Any]:
    return [
        _without(field, hidden) if isinstance(field, list | tuple) else field
        for field in fields
        if isinstance(field, list | tuple) or field not in hidden
    ]


def readable_json(db_field: models.Field[Any, Any]) -> dict[str, Any]:
    """Return what to ask of the form field of a JSON column."""
    if isinstance(db_field, models.JSONField):
        return {"form_class": ReadableJSONField, "widget": ReadableJSONField.widget}
    return {}


def with_default(
    field: forms.Field | None, db_field: models.Field[Any, Any]
) -> forms.Field | None:
    if isinstance(field, ReadableJSONField):
        field.make_empty = db_field.get_default
    return field


def chosen(queryset: QuerySet[Any], limit: int = 20) -> tuple[list[Any], bool]:
    """Return the first rows of a selection, and whether there are more."""
    rows = list(queryset[: limit + 1])
    return rows[:limit], len(rows) > limit


def is_new(row: models.Model) -> bool:
    return row._state.adding  # noqa: SLF001
