"""Filters of lists. A parameter that no list knows is refused: a filter with a typing
mistake would show everything."""

from datetime import UTC, datetime
from typing import Any

from django.db import models
from django.db.models import QuerySet
from django_filters import (
    BaseInFilter,
    CharFilter,
    FilterSet,
    IsoDateTimeFilter,
    TypedChoiceFilter,
)
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.views import APIView

from catalog.bundle.mistakes import advice
from gateway.control.pages import PARAMETERS


class YesNoFilter(TypedChoiceFilter):  # type: ignore[misc]
    """`true` or `false`; Django's own takes whatever else is sent for neither."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        choices = [("true", "true"), ("false", "false")]
        super().__init__(*args, choices=choices, coerce="true".__eq__, **kwargs)

    def filter(self, qs: QuerySet[Any], value: bool | str) -> QuerySet[Any]:
        if value == "":
            return qs
        wanted = {f"{self.field_name}__{self.lookup_expr}": value}
        return qs.exclude(**wanted) if self.exclude else qs.filter(**wanted)


class Filters(FilterSet):  # type: ignore[misc]
    """The base of every list's filters."""

    FILTER_DEFAULTS = {
        **FilterSet.FILTER_DEFAULTS,
        models.BooleanField: {"filter_class": YesNoFilter},
    }


class NamesFilter(BaseInFilter, CharFilter):  # type: ignore[misc]
    """One of several names, separated by commas."""


class ContainsFilter(CharFilter):  # type: ignore[misc]
    """Rows whose list holds the name."""

    def filter(self, qs: QuerySet[Any], value: str) -> QuerySet[Any]:
        return qs.filter(**{f"{self.field_name}__contains": [value]}) if value else qs


class MomentFilter(IsoDateTimeFilter):  # type: ignore[misc]
    """In UTC: PostgreSQL reads fewer offsets than ISO 8601 has."""

    def filter(self, qs: QuerySet[Any], value: datetime | None) -> QuerySet[Any]:
        if value is None:
            return qs
        try:
            moment = value.astimezone(UTC)
        except OverflowError as error:
            name = next(n for n, each in self.parent.filters.items() if each is self)
            raise ValidationError({name: "This moment is out of range."}) from error
        return qs.filter(**{f"{self.field_name}__{self.lookup_expr}": moment})


def since(column: str) -> MomentFilter:
    return MomentFilter(column, "gte", label="From this moment on (ISO 8601).")


def until(column: str) -> MomentFilter:
    return MomentFilter(column, "lt", label="Before this moment (ISO 8601).")


class KnownFilters(DjangoFilterBackend):  # type: ignore[misc]
    def filter_queryset(
        self, request: Request, queryset: QuerySet[Any], view: APIView
    ) -> QuerySet[Any]:
        filterset = getattr(view, "filterset_class", None)
        known = {*(filterset.base_filters if filterset else ()), *PARAMETERS}
        check_parameters(request, known)
        found: QuerySet[Any] = super().filter_queryset(request, queryset, view)
        return found


def check_parameters(request: Request, known: set[str]) -> None:
    """Refuse parameters of the address that are not known, or stand there twice."""
    wrong = {
        name: [f"Unknown parameter{advice(name, known)}"]
        for name in request.query_params
        if name not in known
    }
    for name, values in request.query_params.lists():
        if len(values) > 1:
            wrong.setdefault(name, ["This parameter stands there twice."])
    if wrong:
        raise ValidationError(wrong)
