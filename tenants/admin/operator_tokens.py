"""Tokens of the control API: seen and revoked here, issued on the command line."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from tenants.admin.base import OperatorAdmin
from tenants.admin.unfolded import action, display
from tenants.models import OperatorToken


@admin.register(OperatorToken)
class OperatorTokenAdmin(OperatorAdmin):
    list_display = [
        "prefix",
        "name",
        "user",
        "shown_active",
        "expires_at",
        "created_at",
    ]
    list_select_related = ["user"]
    search_fields = ["name", "token_id", "user__username"]
    actions = ["revoke_selected"]
    readonly_fields = ["prefix", "user", "revoked_at", "created_at"]
    fields = ["prefix", "user", "name", "expires_at", "revoked_at", "created_at"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @display(description="works", boolean=True)
    def shown_active(self, token: OperatorToken) -> bool:
        return token.is_active

    @action(description="Revoke selected", permissions=["change"])
    def revoke_selected(
        self, request: HttpRequest, queryset: QuerySet[OperatorToken]
    ) -> None:
        count = queryset.filter(revoked_at__isnull=True).update(
            revoked_at=timezone.now()
        )
        self.message_user(request, f"{count} tokens revoked.", messages.SUCCESS)
