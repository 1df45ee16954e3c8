"""API keys in lists: how they are shown and found."""

from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from tenants.admin.inlines import ReadOnlyInline
from tenants.admin.unfolded import DropdownFilter, display
from tenants.models import ApiKey


class KeyColumns:
    @display(description="key", ordering="key_id")
    def shown_prefix(self, key: ApiKey) -> str:
        return f"{key.prefix}_…"

    @display(
        description="status",
        label={"active": "success", "expired": "warning", "revoked": "danger"},
    )
    def shown_status(self, key: ApiKey) -> str:
        return key.status


class StatusFilter(DropdownFilter):
    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("active", "Active"), ("expired", "Expired"), ("revoked", "Revoked")]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[ApiKey]
    ) -> QuerySet[ApiKey]:
        now = timezone.now()
        if self.value() == "revoked":
            return queryset.filter(revoked_at__isnull=False)
        if self.value() == "expired":
            return queryset.filter(revoked_at__isnull=True, expires_at__lte=now)
        if self.value() == "active":
            return queryset.filter(
                Q(expires_at__isnull=True) | Q(expires_at__gt=now),
                revoked_at__isnull=True,
            )
        return queryset


class ApiKeyInline(KeyColumns, ReadOnlyInline):
    model = ApiKey
    fk_name = "project"
    readonly_fields = ["page", "shown_status", "expires_at", "created_at"]
    fields = [*readonly_fields]
    verbose_name_plural = "API keys"
