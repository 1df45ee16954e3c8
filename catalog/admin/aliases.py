"""Aliases with their targets: where an operator redirects traffic."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from catalog.models import Alias, AliasTarget
from catalog.models.alias import check_no_loop, check_target_model
from catalog.protocols import Capability
from catalog.validation import (
    check_alias_has_target,
    check_alias_is_live,
    check_alias_not_needed,
    check_alias_operation,
    check_deactivation,
    is_live,
    projects_naming,
)
from tenants.admin.activation import ActivationAdmin
from tenants.admin.base import is_new
from tenants.admin.form_fields import NamesField
from tenants.admin.inlines import DistinctFormSet, OperatorInline
from tenants.admin.unfolded import display
from tenants.admin.used_by import link_to


class TargetFormSet(DistinctFormSet):
    """Checks the targets against the alias as it is being saved, not as it was."""

    def clean(self) -> None:
        super().clean()
        alias: Alias = self.instance
        for form in self.kept_forms():
            try:
                _check_target(alias, form.instance)
            except ValidationError as refusal:
                form.add_error(None, refusal)
        if any(form.errors for form in self.forms):
            return
        targets = [form.instance for form in self.kept_forms()]
        check_alias_has_target(alias, targets)
        if is_new(alias) or _was_live(alias):
            check_alias_is_live(alias, targets)


def _was_live(alias: Alias) -> bool:
    """Tell whether the alias led somewhere: one that did not may still be edited."""
    before = Alias.objects.get(pk=alias.pk)
    targets = before.targets.select_related("model__provider", "via")
    return not before.active or any(is_live(target) for target in targets)


def _check_target(alias: Alias, target: AliasTarget) -> None:
    if target.model is not None:
        check_target_model(alias, target.model)
    if target.via is not None:
        check_no_loop(alias, target.via)


class TargetInline(OperatorInline):
    model = AliasTarget
    fk_name = "alias"
    formset = TargetFormSet
    fields = ["priority", "model", "via", "weight", "active"]
    autocomplete_fields = ["model", "via"]
    ordering = ["priority", "id"]
    show_change_link = False
    hide_title = True
    verbose_name_plural = "targets, tried from the lowest priority number up"

    def get_extra(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> int:
        return 0 if obj is not None else 1

    def get_queryset(self, request: HttpRequest) -> QuerySet[AliasTarget]:
        return (
            super()
            .get_queryset(request)
            .select_related("model__provider", "via__project", "alias__project")
        )


class AliasForm(forms.ModelForm[Alias]):
    required_capabilities = NamesField(
        choices=Capability.choices, help_text="A model without these is passed over."
    )

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        if is_new(self.instance):
            return cleaned
        before = Alias.objects.select_related("project").get(pk=self.instance.pk)
        going = before.active and (
            not self.cleaned_data.get("active")
            or self.cleaned_data.get("name", before.name) != before.name
        )
        if going:
            check_alias_not_needed(before)
        if before.active and not self.cleaned_data.get("active"):
            check_deactivation(aliases=[before])
        if operation := self.cleaned_data.get("operation"):
            check_alias_operation(
                Alias(pk=before.pk, name=before.name, operation=operation)
            )
        return cleaned


@admin.register(Alias)
class AliasAdmin(ActivationAdmin):
    form = AliasForm
    list_display = [
        "name",
        "owner",
        "operation",
        "strategy",
        "shown_targets",
        "region",
        "active",
    ]
    list_filter = [
        ("project", AutocompleteSelectFilter),
        "operation",
        "strategy",
        "active",
    ]
    list_select_related = ["project"]
    search_fields = ["name", "project__slug"]
    autocomplete_fields = ["project"]
    inlines = [TargetInline]
    fieldsets = [
        (
            None,
            {
                "fields": [
                    "name",
                    "project",
                    ("operation", "strategy"),
                    "sticky",
                    "active",
                ]
            },
        ),
        (
            "Requirements and defaults",
            {
                "fields": ["required_capabilities", "region", "defaults"],
                "classes": ["collapse"],
            },
        ),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Alias]:
        targets = AliasTarget.objects.select_related(
            "model__provider", "via__project"
        ).order_by("priority", "id")
        return (
            super().get_queryset(request).prefetch_related(Prefetch("targets", targets))
        )

    @display(description="for", ordering="project__slug", empty_value="all projects")
    def owner(self, alias: Alias) -> str | None:
        return None if alias.project is None else alias.project.slug

    @display(description="targets")
    def shown_targets(self, alias: Alias) -> str:
        live = [str(target) for target in alias.targets.all() if is_live(target)]
        return " → ".join(live) or "none"

    def check_deactivation(self, rows: QuerySet[Alias]) -> None:
        aliases = list(rows.select_related("project"))
        for alias in aliases:
            check_alias_not_needed(alias)
        check_deactivation(aliases=aliases)

    def check_activation(self, rows: QuerySet[Alias]) -> None:
        for alias in rows:
            alias.active = True
            check_alias_has_target(alias, alias.targets.all())
            check_alias_is_live(alias, alias.targets.all())

    def also_used_by(self, objs: Iterable[Alias]) -> list[str]:
        return [
            link_to(project, self.admin_site)
            for alias in objs
            for project in projects_naming(alias)
        ]
