from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from catalog.models import Endpoint
from catalog.validation import check_endpoints
from tenants.admin.activation import ActivationAdmin
from tenants.admin.inlines import DistinctFormSet, OperatorInline


class EndpointFormSet(DistinctFormSet):
    def _construct_form(self, i: int, **kwargs: Any) -> Any:
        """Let each endpoint be checked against the provider as it is being saved."""
        form = super()._construct_form(i, **kwargs)  # type: ignore[misc]
        form.instance.provider = self.instance
        return form

    def clean(self) -> None:
        super().clean()
        check_endpoints([form.instance for form in self.kept_forms()])


class EndpointInline(OperatorInline):
    model = Endpoint
    hide_title = True
    formset = EndpointFormSet
    fields = ["operation", "pattern", "handler", "priority", "active"]


class EndpointForm(forms.ModelForm[Endpoint]):
    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        names = ["provider", "operation", "pattern", "priority", "active"]
        if any(self.cleaned_data.get(name) is None for name in names):
            return cleaned
        this = Endpoint(pk=self.instance.pk, **{n: self.cleaned_data[n] for n in names})
        others = Endpoint.objects.filter(
            provider=this.provider, operation=this.operation
        ).exclude(pk=this.pk)
        for other in others:
            if other.pattern != this.pattern:
                check_endpoints([this, other])
        return cleaned


@admin.register(Endpoint)
class EndpointAdmin(ActivationAdmin):
    form = EndpointForm
    list_display = [
        "provider",
        "operation",
        "pattern",
        "shown_handler",
        "priority",
        "active",
    ]
    list_display_links = ["provider", "pattern"]
    list_filter = [
        ("provider", AutocompleteSelectFilter),
        "operation",
        "handler",
        "active",
    ]
    list_select_related = ["provider"]
    search_fields = ["provider__slug", "pattern"]
    autocomplete_fields = ["provider"]

    @admin.display(description="handler", ordering="handler")
    def shown_handler(self, endpoint: Endpoint) -> str:
        return endpoint.handler or f"{endpoint.provider.handler} (the provider's)"

    def check_activation(self, rows: QuerySet[Endpoint]) -> None:
        among = Endpoint.objects.filter(
            provider__in=rows.values("provider_id"), active=True
        )
        check_endpoints([*among, *(_activated(row) for row in rows)])


def _activated(endpoint: Endpoint) -> Endpoint:
    endpoint.active = True
    return endpoint
