"""Switching rows on and off, which is what an operator does rather than delete."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest

from tenants.admin.base import OperatorAdmin
from tenants.admin.unfolded import action


class ActivationAdmin(OperatorAdmin):
    """A model with an `active` column."""

    actions = ["activate_selected", "deactivate_selected"]

    def check_deactivation(self, rows: QuerySet[Any]) -> None:
        """Raise ValidationError when something would be left without these rows."""

    def check_activation(self, rows: QuerySet[Any]) -> None:
        """Raise ValidationError when active rows of this kind would not be valid."""

    @action(description="Activate selected", permissions=["change"])
    def activate_selected(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        self._switch(request, queryset, on=True)

    @action(description="Deactivate selected", permissions=["change"])
    def deactivate_selected(
        self, request: HttpRequest, queryset: QuerySet[Any]
    ) -> None:
        self._switch(request, queryset, on=False)

    def _switch(
        self, request: HttpRequest, queryset: QuerySet[Any], *, on: bool
    ) -> None:
        changing = queryset.filter(active=not on)
        try:
            (self.check_activation if on else self.check_deactivation)(changing)
        except ValidationError as refusal:
            for message in refusal.messages:
                self.message_user(request, message, messages.ERROR)
            return
        changed = changing.order_by().update(active=on)
        what = "activated" if on else "deactivated"
        self.message_user(request, f"{changed} {what}.", messages.SUCCESS)
