"""Filters of lists by a related row, which name no row that one does not see."""

from typing import Any

from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db.models import ForeignKey, Model
from django.http import HttpRequest
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from tenants.access import seen_by
from tenants.roles import reach_for


class SeenRowFilter(AutocompleteSelectFilter):  # type: ignore[misc]
    """Offers rows while one types; another organization's chosen by hand is none."""

    def __init__(
        self,
        field: Any,
        request: HttpRequest,
        params: dict[str, Any],
        model: type[Model],
        model_admin: Any,
        field_path: str,
    ) -> None:
        super().__init__(field, request, params, model, model_admin, field_path)
        related = field.remote_field.model
        rows = related._default_manager.filter(seen_by(reach_for(request), related))
        if (chosen := self.value()) and not _is_there(rows, chosen):
            self.lookup_val = ["0"]
            self.used_parameters[self.lookup_kwarg] = ["0"]


def scoped_filter(model: type[Model], given: Any) -> Any:
    """Return the filter, or for one by a foreign key the one that looks at what is seen."""
    name = given[0] if isinstance(given, tuple | list) else given
    if not isinstance(name, str):
        return given
    try:
        column = model._meta.get_field(name)
    except FieldDoesNotExist:
        return given
    return (name, SeenRowFilter) if isinstance(column, ForeignKey) else given


def _is_there(rows: Any, key: str) -> bool:
    try:
        return bool(rows.filter(pk=key).exists())
    except (ValueError, ValidationError):
        return False
