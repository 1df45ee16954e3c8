"""API keys: the list, the form, and what may be done with them."""

from typing import Any

from django import forms
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from tenants.access import seen_by
from tenants.admin.api_key_forms import ApiKeyForm
from tenants.admin.api_key_lists import KeyColumns, StatusFilter
from tenants.admin.base import OperatorAdmin
from tenants.admin.form_fields import LinesField, NamesField
from tenants.admin.key_import import KeyImport
from tenants.admin.key_issue import KeyIssue
from tenants.admin.key_revocation import KeyRevocation
from tenants.models import ApiKey, Project
from tenants.models.api_key import IMPORTED_PREFIX
from tenants.roles import reach_for

_PROJECTS_SEARCHED = 50
_MAY = ["scopes", "aliases", "allowed_networks"]
_LINES = {
    "aliases": "Aliases and models it may name, one on each line; none: all.",
    "allowed_networks": (
        "Networks it may be used from, such as 10.0.0.0/8, one on each line; none: any."
    ),
}


class ApiKeyAdmin(KeyColumns, KeyImport, KeyIssue, KeyRevocation, OperatorAdmin):
    scope_choices: list[tuple[str, str]] = []

    form = ApiKeyForm
    list_display = [
        "shown_prefix",
        "name",
        "project",
        "shown_status",
        "shown_origin",
        "expires_at",
        "shown_last_use",
        "created_at",
    ]
    list_display_links = ["shown_prefix", "name"]
    list_filter = [("project", AutocompleteSelectFilter), StatusFilter, "imported"]
    list_select_related = ["project", "use"]
    search_fields = ["key_id"]
    search_help_text = "First characters of the key, or of the project's slug"
    sortable_by = ()
    autocomplete_fields = ["project"]
    actions = ["revoke_selected"]
    actions_row = ["rotate_key", "revoke_key"]
    actions_detail = ["rotate_key", "revoke_key"]

    def formfield_for_dbfield(
        self, db_field: Any, request: HttpRequest, **kwargs: Any
    ) -> forms.Field | None:
        if db_field.name == "scopes":
            return NamesField(
                choices=self.scope_choices,
                help_text="What the key may be used for; none chosen: everything.",
            )
        if db_field.name in _LINES:
            return LinesField(help_text=_LINES[db_field.name])
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        if obj is None:
            return ["project", "name", *_MAY, "expires_at"]
        return [
            "shown_prefix",
            "shown_status",
            "shown_origin",
            "project",
            "name",
            *_MAY,
            "expires_at",
            "shown_last_use",
            "revoked_at",
            "rotated_to",
            "created_at",
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        if obj is None:
            return []
        return [
            "shown_prefix",
            "shown_status",
            "shown_origin",
            "project",
            "shown_last_use",
            "revoked_at",
            "rotated_to",
            "created_at",
        ]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # Usage names its key: one that may still work is revoked, not deleted.
        may = super().has_delete_permission(request, obj)
        return may and (obj is None or obj.revoked_at is not None)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[ApiKey], search_term: str
    ) -> tuple[QuerySet[ApiKey], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        # A whole key may be pasted; its secret part is not used.
        key_id = term.removeprefix("sb_").removeprefix(IMPORTED_PREFIX)
        key_id = key_id.partition("_")[0].rstrip("…")
        projects = Project.objects.filter(
            seen_by(reach_for(request), Project), slug__startswith=term
        ).values_list("pk", flat=True)[:_PROJECTS_SEARCHED]
        wanted = Q(key_id__startswith=key_id) | Q(project_id__in=list(projects))
        if "project__id__exact" in request.GET:
            wanted |= Q(name__icontains=term)
        return queryset.filter(wanted), False
