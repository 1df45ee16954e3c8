"""Rows that are edited on the page of the row they belong to."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.db import models
from django.db.models import UniqueConstraint
from django.db.models.options import Options
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from tenants.admin.base import readable_json, with_default
from tenants.admin.permissions import ScopedRows
from tenants.admin.unfolded import TabularInline, display

if TYPE_CHECKING:
    PaginationInlineFormSet = forms.BaseInlineFormSet[Any, Any, Any]
else:
    from unfold.forms import PaginationInlineFormSet


class DistinctFormSet(PaginationInlineFormSet):
    """Refuses two forms that say the same, also where columns may be empty.

    Django compares the forms of a set only by columns that are filled.
    """

    def clean(self) -> None:
        super().clean()
        meta: Options[Any] = self.model._meta  # type: ignore[union-attr]
        for constraint in meta.constraints:
            if isinstance(constraint, UniqueConstraint) and constraint.fields:
                self._refuse_twins(constraint)

    def kept_forms(self) -> list[Any]:
        """Return the forms whose rows will exist after saving, and that are valid."""
        return [
            form
            for form in self.forms
            if form.is_valid()
            and form not in self.deleted_forms
            and (form.instance.pk is not None or form.has_changed())
        ]

    def _refuse_twins(self, constraint: UniqueConstraint) -> None:
        seen: set[tuple[Any, ...]] = set()
        own = {self.fk.name}
        for form in self.kept_forms():
            key = tuple(
                getattr(form.instance, self.model._meta.get_field(name).attname)  # type: ignore[union-attr]
                for name in constraint.fields
                if name not in own
            )
            if key in seen:
                form.add_error(None, constraint.get_violation_error_message())
            seen.add(key)


class OperatorInline(ScopedRows, TabularInline[Any, Any]):
    extra = 0
    show_change_link = True
    formset = DistinctFormSet

    def formfield_for_dbfield(
        self, db_field: models.Field[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> forms.Field | None:
        field = super().formfield_for_dbfield(
            db_field, request, **readable_json(db_field), **kwargs
        )
        return with_default(field, db_field)


class ReadOnlyInline(OperatorInline):
    """Rows to look at, the newest few, each with a link to its own page."""

    per_page = 10
    can_delete = False
    hide_title = True

    @display(description="name")
    def page(self, row: models.Model) -> str:
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}_change"
        url = reverse(name, args=[row.pk])
        return format_html('<a class="sb-link" href="{}">{}</a>', url, row)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
