"""The parts of django-unfold that the admin is made of, with the types it lacks."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin as ModelAdmin
    from django.contrib.admin import TabularInline as TabularInline
    from django.contrib.admin.filters import FieldListFilter, SimpleListFilter

    class TextFilter(SimpleListFilter): ...

    class DropdownFilter(SimpleListFilter): ...

    class RangeDateTimeFilter(FieldListFilter):
        field_path: str

    def display(
        *,
        description: str | None = None,
        ordering: str | None = None,
        boolean: bool | None = None,
        empty_value: str | None = None,
        label: bool | dict[str, str] | None = None,
        header: bool | None = None,
    ) -> Callable[[F], F]: ...

    def action(
        *,
        description: str | None = None,
        permissions: list[str] | None = None,
        url_path: str | None = None,
        icon: str | None = None,
        variant: Any = None,
    ) -> Callable[[F], F]: ...

else:
    from unfold.admin import ModelAdmin, TabularInline
    from unfold.contrib.filters.admin import (
        DropdownFilter,
        RangeDateTimeFilter,
        TextFilter,
    )
    from unfold.decorators import action, display

__all__ = [
    "DropdownFilter",
    "ModelAdmin",
    "RangeDateTimeFilter",
    "TabularInline",
    "TextFilter",
    "action",
    "display",
]
