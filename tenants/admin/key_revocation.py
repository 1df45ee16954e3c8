"""Keys that are stopped, one or several at once."""

from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from unfold.enums import ActionVariant

from tenants.admin.base import chosen
from tenants.admin.key_pages import KeyPages
from tenants.admin.unfolded import action
from tenants.models import ApiKey


class KeyRevocation(KeyPages):
    @action(
        description="Revoke",
        icon="block",
        url_path="revoke",
        permissions=["change"],
        variant=ActionVariant.DANGER,
    )
    def revoke_key(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for confirmation, then stop the key."""
        key = self.working_key(request, object_id)
        if key is None:
            return self.back_to_list()
        if request.method == "POST":
            key.revoke()
            self.log_change(request, key, "Revoked.")
            self.message_user(
                request, f"{key.prefix}… stops within two seconds.", messages.SUCCESS
            )
            return self.back_to_list()
        return self._confirm_revocation(request, [key], "")

    @action(description="Revoke selected", permissions=["change"])
    def revoke_selected(
        self, request: HttpRequest, queryset: QuerySet[ApiKey]
    ) -> HttpResponse | None:
        working = queryset.filter(revoked_at__isnull=True)
        if "confirmed" in request.POST:
            count = working.order_by().update(revoked_at=timezone.now())
            self.message_user(
                request,
                f"{count} keys revoked; they stop within two seconds.",
                messages.SUCCESS,
            )
            return None
        keys, more = chosen(working)
        if not keys:
            self.message_user(
                request, "All selected keys are revoked already.", messages.WARNING
            )
            return None
        return self._confirm_revocation(request, keys, "revoke_selected", more=more)

    def _confirm_revocation(
        self,
        request: HttpRequest,
        keys: list[ApiKey],
        action: str,
        *,
        more: bool = False,
    ) -> HttpResponse:
        context = self.key_context(
            request,
            "Revoke API keys",
            keys=keys,
            more=more,
            action=action,
            select_across=request.POST.get("select_across", "0"),
            selected=request.POST.getlist(ACTION_CHECKBOX_NAME),
        )
        return TemplateResponse(request, "admin/signalbox/key_revoke.html", context)
