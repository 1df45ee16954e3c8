"""A project's own endpoint in one form; what it made is edited on the pages of its rows."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.views.decorators.debug import sensitive_post_parameters
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminPasswordWidget,
    UnfoldAdminTextInputWidget,
)

from catalog.custom_endpoints import (
    PATHS,
    NewCustomEndpoint,
    create_custom_endpoint,
    provider_of,
    version_path,
)
from catalog.models.custom_endpoint import CustomEndpoint
from tenants.admin.base import OperatorAdmin
from tenants.admin.form_fields import NamesField
from tenants.admin.unfolded import display

_UNPRICED = "Empty: not known; the project then has to allow models without a price."


def _price_field(label: str) -> forms.DecimalField:
    return forms.DecimalField(
        label=label,
        required=False,
        min_value=0,
        max_digits=18,
        decimal_places=6,
        widget=UnfoldAdminDecimalFieldWidget,
        help_text=f"USD per million tokens. {_UNPRICED}",
    )


class CustomEndpointForm(forms.ModelForm[CustomEndpoint]):
    key = forms.CharField(
        required=False,
        strip=True,
        max_length=8192,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text="Sealed when saved and never shown again. Empty: it wants none.",
    )
    model_id = forms.CharField(
        max_length=200,
        widget=UnfoldAdminTextInputWidget,
        help_text="The name that the server knows the model by.",
    )
    operations = NamesField(
        choices=[(name.value, name.label) for name in PATHS],
        required=True,
        initial=["chat"],
    )
    context_window = forms.IntegerField(
        required=False,
        min_value=1,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="In tokens; empty: not known.",
    )
    input_usd = _price_field("Input price")
    output_usd = _price_field("Output price")

    class Meta:
        model = CustomEndpoint
        fields = ["project", "name", "base_url", "allow_private_addresses"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["project"].required = True
        self.fields["project"].help_text = "Whose it is; no other project sees it."
        self.fields["base_url"].label = "Base URL"
        self.fields[
            "base_url"
        ].help_text = "As clients of the server are told, e.g. http://10.0.0.7:8000/v1."

    def clean_key(self) -> str:
        value = str(self.cleaned_data["key"])
        if value and not (value.isascii() and value.isprintable()):
            msg = "A key is one line of printable ASCII characters."
            raise ValidationError(msg)
        return value

    def clean_base_url(self) -> str:
        base_url = str(self.cleaned_data["base_url"])
        try:
            version_path(base_url)
        except ValidationError as error:
            raise ValidationError(error.messages) from error
        return base_url

    def _post_clean(self) -> None:
        """Check the provider as it will be, its name for bundles included."""
        needed = {"project", "name", "base_url", "key", "model_id", "operations"}
        if needed <= self.cleaned_data.keys():
            self.instance.slug = provider_of(self.wanted()).slug
            self.instance.handler = "openai_chat"
        super()._post_clean()  # type: ignore[misc]

    def wanted(self) -> NewCustomEndpoint:
        data = self.cleaned_data
        return NewCustomEndpoint(
            project=data["project"],
            name=data["name"],
            base_url=data["base_url"],
            model_id=data["model_id"],
            key=data["key"],
            operations=tuple(data["operations"]),
            context_window=data.get("context_window"),
            input_usd_per_million=data.get("input_usd"),
            output_usd_per_million=data.get("output_usd"),
            allow_private_addresses=data["allow_private_addresses"],
        )


@admin.register(CustomEndpoint)
@method_decorator(sensitive_post_parameters("key"), name="changeform_view")
class CustomEndpointAdmin(OperatorAdmin):
    form = CustomEndpointForm
    list_display = ["slug", "project", "name", "base_url", "shown_models", "active"]
    list_display_links = ["slug", "name"]
    list_filter = [("project", AutocompleteSelectFilter), "active"]
    list_select_related = ["project"]
    search_fields = ["slug", "name", "project__slug"]
    autocomplete_fields = ["project"]
    fieldsets = [
        (None, {"fields": ["project", "name", ("base_url", "key")]}),
        ("Model", {"fields": ["model_id", "operations", "context_window"]}),
        ("Prices", {"fields": [("input_usd", "output_usd")]}),
        ("Network", {"fields": ["allow_private_addresses"]}),
    ]

    @display(description="models")
    def shown_models(self, row: CustomEndpoint) -> str:
        return ", ".join(model.model_id for model in row.models.all())

    def save_model(
        self, request: HttpRequest, obj: Any, form: Any, change: Any
    ) -> None:
        obj.pk = create_custom_endpoint(form.wanted()).pk

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Lead to the page of the provider: from then on it is one like any other."""
        page = reverse("admin:catalog_provider_change", args=[object_id])
        return HttpResponseRedirect(page)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        return super().changeform_view(request, object_id, form_url, extra_context)
