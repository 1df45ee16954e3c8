"""Credentials: written here, never shown."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import method_decorator
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.widgets import UnfoldAdminPasswordWidget

from catalog.credential_states import is_presentable, source_of, state_of
from catalog.models import Credential
from catalog.models.credential import CAPS
from tenants.admin.activation import ActivationAdmin
from tenants.admin.inlines import ReadOnlyInline
from tenants.admin.unfolded import action, display

STATE_COLOURS = {
    "configured": "success",
    "missing": "danger",
    "quarantined": "warning",
    "inactive": "info",
}


class CredentialForm(forms.ModelForm[Credential]):
    value = forms.CharField(
        required=False,
        strip=True,
        max_length=8192,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text="Sealed when saved and never shown again. Left empty: kept as it is.",
    )

    @sensitive_variables("value")
    def clean_value(self) -> str:
        value = str(self.cleaned_data["value"])
        if value and not is_presentable(value):
            msg = "A credential is one line of printable ASCII characters."
            raise ValidationError(msg)
        return value

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        env_name = self.cleaned_data.get("env_name")
        if self.cleaned_data.get("value") and env_name:
            msg = "Store a value or name a variable, not both."
            raise ValidationError({"value": msg})
        if env_name and "env_name" in self.changed_data:
            self.instance.sealed = None
            self.instance.last_four = ""
        return cleaned


@admin.register(Credential)
@method_decorator(sensitive_post_parameters("value"), name="changeform_view")
class CredentialAdmin(ActivationAdmin):
    form = CredentialForm
    list_display = [
        "provider",
        "owner",
        "name",
        "shown_state",
        "shown_source",
        "active",
    ]
    list_display_links = ["provider", "name"]
    list_filter = [
        ("provider", AutocompleteSelectFilter),
        ("project", AutocompleteSelectFilter),
        "active",
    ]
    list_select_related = ["provider", "project", "end_user__project"]
    search_fields = ["provider__slug", "project__slug", "name", "env_name"]
    autocomplete_fields = ["provider", "project", "end_user"]
    actions = [*ActivationAdmin.actions, "release_selected"]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        fields = ["provider", "project", "end_user", "name", "value", "env_name"]
        fields += ["base_url", "deployments", *CAPS, "active"]
        return fields if obj is None else ["shown_state", "shown_source", *fields]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        if obj is None:
            return []
        # A value is sealed for its place; it is not carried to another owner.
        return ["shown_state", "shown_source", "provider", "project", "end_user"]

    @display(description="state", label=STATE_COLOURS)
    def shown_state(self, credential: Credential) -> str:
        return state_of(credential)

    @display(description="source")
    def shown_source(self, credential: Credential) -> str:
        return source_of(credential)

    @display(description="for", ordering="project__slug", empty_value="all projects")
    def owner(self, credential: Credential) -> str | None:
        owner = credential.end_user or credential.project
        return None if owner is None else str(owner)

    def save_model(
        self, request: HttpRequest, obj: Credential, form: Any, change: Any
    ) -> None:
        if value := form.cleaned_data.get("value"):
            obj.put(value)
        if {"value", "env_name"} & set(form.changed_data):
            obj.quarantined_at = None
        super().save_model(request, obj, form, change)

    @action(description="Release from quarantine", permissions=["change"])
    def release_selected(
        self, request: HttpRequest, queryset: QuerySet[Credential]
    ) -> None:
        count = queryset.filter(quarantined_at__isnull=False).update(
            quarantined_at=None
        )
        self.message_user(request, f"{count} released.", messages.SUCCESS)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        return super().changeform_view(request, object_id, form_url, extra_context)


class CredentialInline(ReadOnlyInline):
    model = Credential
    readonly_fields = ["page", "shown_state", "shown_source"]
    fields = [*readonly_fields]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Credential]:
        return (
            super()
            .get_queryset(request)
            .select_related("project", "provider", "end_user__project")
        )

    @display(description="state", label=STATE_COLOURS)
    def shown_state(self, credential: Credential) -> str:
        return state_of(credential)

    @display(description="source")
    def shown_source(self, credential: Credential) -> str:
        return source_of(credential)
