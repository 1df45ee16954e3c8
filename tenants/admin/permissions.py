"""What a page of the admin lets somebody see and change: their rows, and no others.

Pages take nothing from Django's permissions of models; who may do what stands in
`tenants.access`.
"""

from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import FieldDoesNotExist, PermissionDenied
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest

from tenants.access import (
    access_to,
    adds,
    changed_by,
    changes,
    changes_some,
    is_reserved,
    may_point_to,
    says_whose,
    seen_by,
    sees,
    sees_some,
)
from tenants.admin.row_filters import scoped_filter
from tenants.roles import reach_for

_RESERVED = "Only the installation's own people may set this."

if TYPE_CHECKING:
    from tenants.admin.unfolded import ModelAdmin, TabularInline

    _Page = ModelAdmin[Any]
    _Rows = TabularInline[Any, Any]
else:
    _Page = _Rows = object


# What filters, and links to filtered lists, ask of a column.
_LOOKUPS = frozenset(
    ["id", "exact", "isnull", "in", "gt", "gte", "lt", "lte", "day", "month", "year"]
)


def _parameter_of(given: Any) -> Any:
    """Return the column that a filter is for, or the parameter that it takes."""
    if isinstance(given, tuple | list):
        return given[0]
    return getattr(given, "parameter_name", given)


class ScopedFields(_Page):
    """Form fields that offer, and take, nothing that is another organization's."""

    def formfield_for_dbfield(
        self, db_field: models.Field[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> forms.Field | None:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None and is_reserved(
            reach_for(request), self.model, db_field.name
        ):
            # A disabled field keeps its value, whatever is sent.
            field.disabled = True
            field.help_text = f"{field.help_text} {_RESERVED}".strip()
        return field

    def formfield_for_foreignkey(
        self,
        db_field: models.ForeignKey[Any, Any],
        request: HttpRequest,
        **kwargs: Any,
    ) -> Any:
        reach = reach_for(request)
        related: Any = db_field.related_model
        kwargs["queryset"] = related._default_manager.filter(
            may_point_to(reach, db_field)
        )
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        if field is not None and says_whose(reach, db_field):
            field.required = True
        return field


class ScopedPage(ScopedFields):
    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        return rows.filter(seen_by(reach_for(request), self.model))

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        reach = reach_for(request)
        if obj is None:
            return sees_some(reach, self.model)
        row = self._row(request, obj)
        return row is not None and sees(reach, row)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may_change(request, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return adds(reach_for(request), self.model)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        access = access_to(self.model)
        if access is not None and access.is_given:
            return adds(reach_for(request), self.model)
        return self._may_change(request, obj)

    def get_list_filter(self, request: HttpRequest) -> Any:
        return [
            scoped_filter(self.model, each) for each in super().get_list_filter(request)
        ]

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        """Allow what the list's filters ask, lest addresses guess at hidden columns."""
        first, *rest = lookup.split("__")
        if not super().lookup_allowed(lookup, value, request):
            return False
        try:
            self.model._meta.get_field(first)
        except FieldDoesNotExist:
            return True
        offered = {self.date_hierarchy, "id"}
        offered |= {_parameter_of(each) for each in self.get_list_filter(request)}
        return first in offered and _LOOKUPS.issuperset(rest)

    def response_action(
        self, request: HttpRequest, queryset: QuerySet[Any], *args: Any, **kwargs: Any
    ) -> Any:
        """Leave out of the selection what is seen and not changed."""
        rows = queryset.filter(changed_by(reach_for(request), self.model))
        return super().response_action(request, rows, *args, **kwargs)

    def save_related(
        self, request: HttpRequest, form: Any, formsets: Any, change: Any
    ) -> None:
        """Save what belongs to the row, and undo all when it would be somebody else's."""
        super().save_related(request, form, formsets, change)
        reach = reach_for(request)
        saved = [form.instance]
        for formset in formsets:
            saved += [
                *formset.new_objects,
                *(row for row, _ in formset.changed_objects),
            ]
        for row in saved:
            if not changes(reach, row):
                raise PermissionDenied

    def _may_change(self, request: HttpRequest, obj: Any) -> bool:
        reach = reach_for(request)
        if obj is None:
            return changes_some(reach, self.model)
        row = self._row(request, obj)
        return row is not None and changes(reach, row)

    def _row(self, request: HttpRequest, obj: Any) -> models.Model | None:
        # Unfold asks with the key of the row in place of the row.
        if isinstance(obj, models.Model):
            return obj
        return self.get_object(request, str(obj))


class ScopedRows(ScopedFields, _Rows):
    """Rows on the page of the row that they belong to, which decides over them."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        return rows.filter(seen_by(reach_for(request), self.model))

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return sees_some(reach_for(request), self.model)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._decides(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._decides(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._decides(request, obj)

    def _decides(self, request: HttpRequest, parent: Any) -> bool:
        reach = reach_for(request)
        may = changes_some(reach, self.model)
        return may and (parent is None or changes(reach, parent))
