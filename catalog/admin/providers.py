from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest
from django.utils.html import escape
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from catalog.admin.credentials import CredentialInline
from catalog.admin.endpoints import EndpointInline
from catalog.admin.provider_checks import (
    HEALTH_COLOURS,
    health_of,
    link_to_checks,
    with_last_check,
)
from catalog.credential_states import state_of
from catalog.models import Credential, Provider
from catalog.validation import check_deactivation
from tenants.access import is_reserved
from tenants.admin.activation import ActivationAdmin
from tenants.admin.base import is_new
from tenants.admin.unfolded import display
from tenants.roles import reach_for


class ProviderForm(forms.ModelForm[Provider]):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if auth := self.fields.get("auth"):
            # Help texts are shown as HTML, where <name> would be a tag.
            auth.help_text = escape(auth.help_text)

    def clean_active(self) -> bool:
        active = bool(self.cleaned_data["active"])
        if "active" in self.changed_data and not active and not is_new(self.instance):
            check_deactivation(providers=[self.instance])
        return active


@admin.register(Provider)
class ProviderAdmin(ActivationAdmin):
    form = ProviderForm
    list_display = [
        "slug",
        "name",
        "base_url",
        "region",
        "shown_key",
        "shown_health",
        "last_check",
        "active",
    ]
    list_display_links = ["slug", "name"]
    list_filter = [
        ("project", AutocompleteSelectFilter),
        "active",
        "handler",
        "region",
    ]
    autocomplete_fields = ["project"]
    search_fields = ["slug", "name", "base_url"]
    prepopulated_fields = {"slug": ["name"]}
    inlines = [EndpointInline, CredentialInline]
    fieldsets = [
        (
            None,
            {
                "fields": [
                    ("name", "slug"),
                    "project",
                    "base_url",
                    ("handler", "auth"),
                    ("region", "active"),
                ]
            },
        ),
        (
            "Quirks",
            {
                "fields": [
                    "headers",
                    "drop_params",
                    "rename_params",
                    "add_params",
                    "reports_cost",
                ],
                "classes": ["collapse"],
            },
        ),
        (
            "Network",
            {
                "fields": [
                    ("connect_timeout_s", "first_byte_timeout_s"),
                    ("idle_timeout_s", "total_timeout_s"),
                    "allow_private_addresses",
                    "health_check",
                ]
            },
        ),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Provider]:
        platform = Credential.objects.filter(project=None, active=True)
        rows = super().get_queryset(request)
        return with_last_check(rows).prefetch_related(
            Prefetch("credentials", platform, to_attr="platform_credentials")
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fields = super().get_readonly_fields(request, obj)
        if (
            obj is not None
            and obj.allow_private_addresses
            and is_reserved(reach_for(request), Provider, "allow_private_addresses")
        ):
            # It was allowed for this address, and not for others of the network.
            return [*fields, "base_url"]
        return fields

    def get_prepopulated_fields(
        self, request: HttpRequest, obj: Any = None
    ) -> dict[str, Any]:
        # The slug is the name that bundles and requests use: it stays.
        return {} if obj is not None else {"slug": ["name"]}

    @display(
        description="credential",
        label={
            "configured": "success",
            "missing": "danger",
            "quarantined": "warning",
            "not needed": "info",
        },
    )
    def shown_key(self, provider: Provider) -> str:
        if provider.auth == "none":
            return "not needed"
        states = {
            state_of(credential)
            for credential in provider.platform_credentials  # type: ignore[attr-defined]
        }
        for state in ("configured", "quarantined"):
            if state in states:
                return state
        return "missing"

    @display(description="health", label=HEALTH_COLOURS)
    def shown_health(self, provider: Provider) -> str:
        return health_of(provider, self.shown_key(provider))

    @display(description="last check")
    def last_check(self, provider: Provider) -> str:
        return link_to_checks(provider)

    def check_deactivation(self, rows: QuerySet[Provider]) -> None:
        check_deactivation(providers=list(rows))
