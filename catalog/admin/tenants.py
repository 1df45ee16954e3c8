"""What the pages of projects and keys show of the catalog."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from unfold.widgets import UnfoldAdminSelectWidget

from catalog.admin.credentials import CredentialInline
from catalog.models import Alias, Provider
from catalog.protocols import Operation
from catalog.validation import aliases_for, check_project_routes
from tenants.admin.api_keys import ApiKeyAdmin
from tenants.admin.end_users import EndUserAdmin
from tenants.admin.form_fields import NamesField
from tenants.admin.inlines import ReadOnlyInline
from tenants.admin.projects import ProjectAdmin
from tenants.models import ApiKey, EndUser, Project
from tenants.scopes import Scope


class ProjectForm(forms.ModelForm[Project]):
    default_alias = forms.ChoiceField(
        required=False,
        widget=UnfoldAdminSelectWidget,
        help_text="For requests that name no model.",
    )
    allowed_regions = NamesField(
        choices=[], help_text="Where its data may be processed; none chosen: anywhere."
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "default_alias" in self.fields:
            names = set(aliases_for(self.instance).values_list("name", flat=True))
            names |= {self.instance.default_alias} - {""}
            self.fields["default_alias"].choices = [  # type: ignore[attr-defined]
                ("", "None: such requests are refused"),
                *((name, name) for name in sorted(names)),
            ]
        if "allowed_regions" in self.fields:
            regions = set(
                Provider.objects.filter(Q(project=None) | Q(project=self.instance.pk))
                .exclude(region="")
                .order_by()
                .values_list("region", flat=True)
                .distinct()
            ) | set(self.instance.allowed_regions)
            self.fields["allowed_regions"].choices = [  # type: ignore[attr-defined]
                (region, region) for region in sorted(regions)
            ]

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        routes = {"default_alias", "task_routes"}
        if routes <= self.cleaned_data.keys() and routes & set(self.changed_data):
            check_project_routes(
                Project(
                    pk=self.instance.pk,
                    default_alias=self.cleaned_data["default_alias"],
                    task_routes=self.cleaned_data["task_routes"],
                )
            )
        return cleaned


class ProjectAliasInline(ReadOnlyInline):
    model = Alias
    readonly_fields = ["page", "operation", "strategy", "active"]
    fields = [*readonly_fields]
    verbose_name_plural = "own aliases, which go before those for all projects"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Alias]:
        return super().get_queryset(request).select_related("project")


@admin.register(Project)
class CatalogProjectAdmin(ProjectAdmin):
    form = ProjectForm
    inlines = [*ProjectAdmin.inlines, ProjectAliasInline]


@admin.register(ApiKey)
class CatalogApiKeyAdmin(ApiKeyAdmin):
    scope_choices = [*Operation.choices, *Scope.choices]


class EndUserForm(forms.ModelForm[EndUser]):
    def clean_preferred_provider(self) -> str:
        slug = str(self.cleaned_data["preferred_provider"])
        if slug and not Provider.objects.filter(slug=slug).exists():
            msg = f"There is no provider {slug}."
            raise ValidationError(msg)
        return slug


class EndUserCredentialInline(CredentialInline):
    fk_name = "end_user"
    readonly_fields = ["page", "base_url", "shown_state", "shown_source"]
    fields = [*readonly_fields]
    verbose_name_plural = "credentials that the user brought"


@admin.register(EndUser)
class CatalogEndUserAdmin(EndUserAdmin):
    form = EndUserForm
    inlines = [*EndUserAdmin.inlines, EndUserCredentialInline]
