"""Context of end users: the scopes, what is kept (never what it says), and who saw it."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from tenants.admin.base import OperatorAdmin, ReadOnlyAdmin
from tenants.admin.unfolded import display
from tenants.context.scopes import READY, kinds_as_stored
from tenants.models import ContextEntry, ContextScope, ContextView, Erasure


@admin.register(ContextScope)
class ContextScopeAdmin(OperatorAdmin):
    list_display = ["name", "project", "shown_kinds", "token_budget", "selection"]
    list_display_links = ["name"]
    list_filter = [("project", AutocompleteSelectFilter), "selection"]
    list_select_related = ["project"]
    search_fields = ["name__startswith", "project__slug__startswith"]
    search_help_text = "First characters of the name, or of the project's slug"
    autocomplete_fields = ["project"]
    sortable_by = ()
    fieldsets = [
        (
            None,
            {
                "fields": ["project", "name"],
                "description": format_html(
                    "Every project has the scopes minimal, standard and comprehensive; "
                    "one made here with such a name stands in its place. Begin with the "
                    "ready {}.",
                    format_html_join(
                        ", ",
                        '<a class="sb-strong" href="?name={}">{}</a>',
                        ((name, name) for name in READY),
                    ),
                ),
            },
        ),
        ("Which entries", {"fields": ["kinds", "selection", "token_budget"]}),
        ("How they are told", {"fields": ["order", "template", "entry_template"]}),
    ]

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        found: dict[str, Any] = dict(super().get_changeform_initial_data(request))
        ready = READY.get(str(found.get("name", "")))
        if ready is None:
            return found
        return {
            "kinds": kinds_as_stored(ready),
            "token_budget": ready.token_budget,
            "order": ready.order,
            "template": ready.template,
            "entry_template": ready.entry_template,
            **found,
        }

    @display(description="kinds")
    def shown_kinds(self, scope: ContextScope) -> str:
        named = [
            f"{rule.kind} ({'all' if rule.days is None else f'{rule.days} d'})"
            for rule in scope.rules.kinds
        ]
        return ", ".join(named) or "none: name and date alone"


@admin.register(ContextEntry)
class ContextEntryAdmin(ReadOnlyAdmin):
    """What is kept of whom. What it says is sealed, and shown by the preview alone."""

    list_display = [
        "kind",
        "project",
        "end_user",
        "occurred_at",
        "expires_at",
        "tokens",
        "source_id",
    ]
    list_display_links = None
    list_filter = [("project", AutocompleteSelectFilter)]
    list_select_related = ["project", "end_user__project"]
    search_fields = ["=end_user__external_id", "=kind"]
    search_help_text = "The user's id, or a kind"
    sortable_by = ()
    ordering = ["-id"]
    readonly_fields = [
        "kind",
        "project",
        "end_user",
        "occurred_at",
        "expires_at",
        "tokens",
        "source_id",
        "created_at",
        "updated_at",
    ]
    fields = [*readonly_fields]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("sealed")


@admin.register(ContextView)
class ContextViewAdmin(ReadOnlyAdmin):
    list_display = ["at", "user", "api_key", "project", "end_user", "scope"]
    list_display_links = None
    list_filter = [("project", AutocompleteSelectFilter)]
    list_select_related = ["user", "project", "end_user__project"]
    search_fields = ["user__username", "=end_user__external_id"]
    sortable_by = ()


@admin.register(Erasure)
class ErasureAdmin(ReadOnlyAdmin):
    """The receipts: what went and when, without a name."""

    list_display = ["erased_at", "project", "via", "shown_counts", "subject"]
    list_display_links = ["erased_at"]
    list_filter = [("project", AutocompleteSelectFilter)]
    list_select_related = ["project"]
    search_fields = ["=subject", "=digest"]
    search_help_text = "A receipt's subject or digest"
    sortable_by = ()
    readonly_fields = [
        "id",
        "project",
        "subject",
        "via",
        "counts",
        "erased_at",
        "digest",
    ]
    fields = [*readonly_fields]

    @display(description="erased")
    def shown_counts(self, row: Erasure) -> str:
        return ", ".join(
            f"{count} {name.replace('_', ' ')}" for name, count in row.counts.items()
        )
