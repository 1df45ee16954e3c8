"""Addresses that begin runs when somebody posts signed messages to them."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.html import format_html
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from tenants.admin.activation import ActivationAdmin
from tenants.admin.unfolded import display
from workflows.models import IncomingWebhook


@admin.register(IncomingWebhook)
class IncomingWebhookAdmin(ActivationAdmin):
    list_display = ["name", "workflow", "project", "active", "last_at"]
    list_filter = [("project", AutocompleteSelectFilter), "active"]
    list_select_related = ["workflow", "project"]
    search_fields = ["name", "workflow__name", "project__slug"]
    autocomplete_fields = ["project", "workflow"]
    readonly_fields = ["shown_address", "shown_secret", "last_at"]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fields = ["project", "workflow", "name", "active"]
        return fields if obj is None else [*fields, *self.readonly_fields]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        # The secret is sealed for the project.
        fields = super().get_readonly_fields(request, obj)
        return fields if obj is None else [*fields, "project"]

    def get_urls(self) -> list[Any]:
        return [
            path(
                "<uuid:pk>/new-secret/",
                self.admin_site.admin_view(self.new_secret_view),
                name="workflows_incomingwebhook_new_secret",
            ),
            *super().get_urls(),
        ]

    @display(description="address")
    def shown_address(self, webhook: IncomingWebhook) -> str:
        return format_html("<code>{}{}</code>", settings.PUBLIC_URL, webhook.path)

    @display(description="secret")
    def shown_secret(self, webhook: IncomingWebhook) -> str:
        address = reverse(
            "admin:workflows_incomingwebhook_new_secret", args=[webhook.pk]
        )
        return format_html(
            'Shown once, when it was made. <a class="sb-link" href="{}">Make a new '
            "one …</a>",
            address,
        )

    def save_model(
        self, request: HttpRequest, obj: IncomingWebhook, form: Any, change: Any
    ) -> None:
        if not change:
            form.secret = obj.new_secret()
            # What is shown after the row has been saved.
            request.new_secret = form.secret  # type: ignore[attr-defined]
        super().save_model(request, obj, form, change)

    def response_add(
        self, request: HttpRequest, obj: IncomingWebhook, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        return self._shown(request, obj, request.new_secret)  # type: ignore[attr-defined]

    def new_secret_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        webhook = self.get_object(request, str(pk))
        if webhook is None:
            raise Http404
        if not self.has_change_permission(request, webhook):
            raise PermissionDenied
        if request.method != "POST":
            return self._page(request, webhook, f"A new secret of {webhook}")
        secret = webhook.new_secret()
        webhook.save(update_fields=["sealed"])
        return self._shown(request, webhook, secret)

    def _shown(
        self, request: HttpRequest, webhook: IncomingWebhook, secret: str
    ) -> HttpResponse:
        return self._page(request, webhook, f"The secret of {webhook}", secret)

    def _page(
        self,
        request: HttpRequest,
        webhook: IncomingWebhook,
        title: str,
        secret: str = "",
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": title,
            "opts": self.opts,
            "original": webhook,
            "webhook": webhook,
            "address": f"{settings.PUBLIC_URL}{webhook.path}",
            "secret": secret,
        }
        response = TemplateResponse(
            request, "admin/signalbox/webhook_secret.html", context
        )
        response["Cache-Control"] = "private, no-store"
        return response
