"""API keys in lists: how they are shown and found."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.formats import date_format
from django.utils.timezone import localtime

from tenants.admin.inlines import ReadOnlyInline
from tenants.admin.unfolded import DropdownFilter, display
from tenants.models import ApiKey, ApiKeyUse


class KeyColumns:
    @display(description="key", ordering="key_id")
    def shown_prefix(self, key: ApiKey) -> str:
        return f"{key.prefix}…" if key.imported else f"{key.prefix}_…"

    @display(
        description="status",
        label={"active": "success", "expired": "warning", "revoked": "danger"},
    )
    def shown_status(self, key: ApiKey) -> str:
        return key.status

    @display(description="last used")
    def shown_last_use(self, key: ApiKey) -> str:
        """Return the moment, which is known to the minute."""
        use: ApiKeyUse | None = getattr(key, "use", None)
        if use is None:
            return "never"
        return date_format(localtime(use.last_used_at), "DATETIME_FORMAT")

    @display(description="origin", label={"imported": "warning"})
    def shown_origin(self, key: ApiKey) -> str:
        return "imported" if key.imported else "issued here"


class StatusFilter(DropdownFilter):
    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("active", "Active"), ("expired", "Expired"), ("revoked", "Revoked")]

    def queryset(self, request: HttpRequest, queryset: Any) -> QuerySet[ApiKey]:
        wanted = self.value()
        keys: QuerySet[ApiKey] = queryset
        known = dict(self.lookup_choices)
        return queryset.of_status(wanted) if wanted in known else keys


class ApiKeyInline(KeyColumns, ReadOnlyInline):
    model = ApiKey
    fk_name = "project"
    readonly_fields = [
        "page",
        "shown_status",
        "expires_at",
        "shown_last_use",
        "created_at",
    ]
    fields = [*readonly_fields]
    verbose_name_plural = "API keys"

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiKey]:
        return super().get_queryset(request).select_related("use")
