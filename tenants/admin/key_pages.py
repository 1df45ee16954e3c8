"""What the pages about API keys have in common."""

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import reverse

from tenants.admin.unfolded import ModelAdmin
from tenants.models import ApiKey

if TYPE_CHECKING:
    _Page = ModelAdmin[Any]
else:
    _Page = object


class KeyPages(_Page):
    def working_key(self, request: HttpRequest, object_id: str) -> ApiKey | None:
        """Return a key that may be changed; None, with a message, for one that is over."""
        key = self.get_object(request, object_id)
        if key is not None and not self.has_change_permission(request, key):
            raise PermissionDenied
        if key is None:
            self.message_user(request, "There is no such key.", messages.WARNING)
            return None
        if key.revoked_at is not None:
            self.message_user(
                request, f"{key.prefix}… is revoked already.", messages.WARNING
            )
            return None
        return key  # type: ignore[no-any-return]

    def key_context(
        self, request: HttpRequest, title: str, **more: Any
    ) -> dict[str, Any]:
        return {
            **self.admin_site.each_context(request),
            "title": title,
            "opts": self.opts,
            "media": self.media,
            **more,
        }

    def back_to_list(self) -> HttpResponseRedirect:
        return HttpResponseRedirect(
            reverse(f"{self.admin_site.name}:tenants_apikey_changelist")
        )
