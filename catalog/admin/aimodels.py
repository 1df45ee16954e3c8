from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from catalog.admin.prices import PriceInline
from catalog.models import AIModel, Price
from catalog.protocols import Capability, Operation
from catalog.validation import check_deactivation, check_model_operations
from tenants.admin.activation import ActivationAdmin
from tenants.admin.base import is_new
from tenants.admin.form_fields import NamesField
from tenants.admin.unfolded import DropdownFilter, display


class CapabilityFilter(DropdownFilter):
    title = "capability"
    parameter_name = "capability"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return list(Capability.choices)

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[AIModel]
    ) -> QuerySet[AIModel]:
        if self.value():
            return queryset.filter(capabilities__contains=[self.value()])
        return queryset


class OperationFilter(CapabilityFilter):
    title = "operation"
    parameter_name = "operation"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return list(Operation.choices)

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[AIModel]
    ) -> QuerySet[AIModel]:
        if self.value():
            return queryset.filter(operations__contains=[self.value()])
        return queryset


class AIModelForm(forms.ModelForm[AIModel]):
    operations = NamesField(choices=Operation.choices, required=True)
    capabilities = NamesField(choices=Capability.choices)

    def clean_active(self) -> bool:
        active = bool(self.cleaned_data["active"])
        if "active" in self.changed_data and not active and not is_new(self.instance):
            check_deactivation(models=[self.instance])
        return active

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        if not is_new(self.instance) and "operations" in self.changed_data:
            operations = self.cleaned_data.get("operations") or []
            check_model_operations(AIModel(pk=self.instance.pk, operations=operations))
        return cleaned


@admin.register(AIModel)
class AIModelAdmin(ActivationAdmin):
    form = AIModelForm
    list_display = [
        "model_id",
        "provider",
        "project",
        "shown_operations",
        "context_window",
        "shown_priced",
        "active",
        "deprecated_on",
    ]
    list_display_links = ["model_id"]
    list_filter = [
        ("provider", AutocompleteSelectFilter),
        ("project", AutocompleteSelectFilter),
        "active",
        OperationFilter,
        CapabilityFilter,
    ]
    list_select_related = ["provider", "project"]
    search_fields = ["model_id", "provider__slug"]
    search_help_text = "Model id or provider"
    autocomplete_fields = ["provider", "project", "successor"]
    inlines = [PriceInline]
    fieldsets = [
        (
            None,
            {
                "fields": [
                    "provider",
                    "model_id",
                    "project",
                    "active",
                    "operations",
                    "capabilities",
                ]
            },
        ),
        (
            "Size and speed",
            {
                "fields": [
                    ("context_window", "max_output_tokens"),
                    "expected_latency_ms",
                ]
            },
        ),
        ("Retirement", {"fields": [("deprecated_on", "successor")]}),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[AIModel]:
        prices = Price.objects.filter(model=OuterRef("pk"))
        rows: QuerySet[AIModel] = super().get_queryset(request)
        return rows.annotate(priced=Exists(prices))

    @display(description="operations")
    def shown_operations(self, model: AIModel) -> str:
        return ", ".join(model.operations)

    @display(description="priced", boolean=True)
    def shown_priced(self, model: AIModel) -> bool:
        return bool(model.priced)  # type: ignore[attr-defined]

    def check_deactivation(self, rows: QuerySet[AIModel]) -> None:
        check_deactivation(models=list(rows.select_related("provider")))
