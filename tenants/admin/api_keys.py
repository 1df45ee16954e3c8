"""API keys: issued, rotated and revoked. A key is shown once, where it is made.

The text of a key goes from `ApiKey.issue` into the page and nowhere else: into no
message, session, redirect or log.
"""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.enums import ActionVariant

from tenants.access import seen_by
from tenants.admin.api_key_forms import ApiKeyForm, RotateForm
from tenants.admin.api_key_lists import KeyColumns, StatusFilter
from tenants.admin.base import OperatorAdmin, chosen
from tenants.admin.form_fields import LinesField, NamesField
from tenants.admin.key_import import KeyImport
from tenants.admin.unfolded import action
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


class ApiKeyAdmin(KeyColumns, KeyImport, OperatorAdmin):
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

    @sensitive_variables("text")
    def add_view(
        self,
        request: HttpRequest,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show the form of a new key; a valid one is answered with the key itself."""
        form = self.get_form(request, None, change=False)(request.POST or None)
        if not self.has_add_permission(request) or not form.is_valid():
            one_button = {
                "title": "Issue API key",
                "show_save_and_add_another": False,
                "show_save_and_continue": False,
            }
            return super().add_view(
                request, form_url, {**one_button, **(extra_context or {})}
            )
        with transaction.atomic():
            key, text = ApiKey.issue(
                form.cleaned_data["project"],
                form.cleaned_data["name"],
                expires_at=form.cleaned_data["expires_at"],
                scopes=form.cleaned_data["scopes"],
                aliases=form.cleaned_data["aliases"],
                allowed_networks=form.cleaned_data["allowed_networks"],
            )
            self.log_addition(request, key, "Issued.")
        return self._show_once(request, key, text)

    @action(
        description="Rotate",
        icon="autorenew",
        url_path="rotate",
        permissions=["change"],
    )
    @sensitive_variables("text")
    def rotate_key(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for the grace, then answer with the successor."""
        key = self._working_key(request, object_id)
        if key is None:
            return self._back_to_list()
        form = RotateForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            with transaction.atomic():
                key = ApiKey.objects.select_for_update(of=("self",)).get(pk=key.pk)
                if refusal := _cannot_rotate(key):
                    self.message_user(request, refusal, messages.ERROR)
                    return self._back_to_list()
                successor, text = key.rotate(form.grace())
                self.log_change(request, key, f"Rotated to {successor.prefix}.")
                self.log_addition(request, successor, "Issued by rotation.")
            return self._show_once(request, successor, text, replaces=key)
        return TemplateResponse(
            request,
            "admin/signalbox/key_rotate.html",
            self._context(request, f"Rotate {key}", key=key, form=form),
        )

    @action(
        description="Revoke",
        icon="block",
        url_path="revoke",
        permissions=["change"],
        variant=ActionVariant.DANGER,
    )
    def revoke_key(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for confirmation, then stop the key."""
        key = self._working_key(request, object_id)
        if key is None:
            return self._back_to_list()
        if request.method == "POST":
            key.revoke()
            self.log_change(request, key, "Revoked.")
            self.message_user(
                request, f"{key.prefix}… stops within two seconds.", messages.SUCCESS
            )
            return self._back_to_list()
        return self._confirm_revocation(request, [key], "")

    @action(description="Revoke selected", permissions=["change"])
    def revoke_selected(
        self, request: HttpRequest, queryset: QuerySet[ApiKey]
    ) -> HttpResponse | None:
        working = queryset.filter(revoked_at__isnull=True)
        if "confirmed" in request.POST:
            count = working.order_by().update(revoked_at=timezone.now())
            self.message_user(
                request,
                f"{count} keys revoked; they stop within two seconds.",
                messages.SUCCESS,
            )
            return None
        keys, more = chosen(working)
        if not keys:
            self.message_user(
                request, "All selected keys are revoked already.", messages.WARNING
            )
            return None
        return self._confirm_revocation(request, keys, "revoke_selected", more=more)

    def _confirm_revocation(
        self,
        request: HttpRequest,
        keys: list[ApiKey],
        action: str,
        *,
        more: bool = False,
    ) -> HttpResponse:
        context = self._context(
            request,
            "Revoke API keys",
            keys=keys,
            more=more,
            action=action,
            select_across=request.POST.get("select_across", "0"),
            selected=request.POST.getlist(ACTION_CHECKBOX_NAME),
        )
        return TemplateResponse(request, "admin/signalbox/key_revoke.html", context)

    def _working_key(self, request: HttpRequest, object_id: str) -> ApiKey | None:
        key = self.get_object(request, object_id)
        if key is not None and not self.has_change_permission(request, key):
            raise PermissionDenied
        if key is None:
            self.message_user(request, "There is no such key.", messages.WARNING)
            return None
        if key.revoked_at is not None:
            self.message_user(
                request, f"{key.prefix}… is revoked already.", messages.WARNING
            )
            return None
        return key  # type: ignore[no-any-return]

    def _show_once(
        self,
        request: HttpRequest,
        key: ApiKey,
        text: str,
        replaces: ApiKey | None = None,
    ) -> HttpResponse:
        context = self._context(
            request, "Keep this key", key=key, text=text, replaces=replaces
        )
        # Rendered here, so that the text outlives this call in the answer alone.
        answer = TemplateResponse(
            request, "admin/signalbox/key_issued.html", context
        ).render()
        return HttpResponse(answer.content, status=201)

    def _context(self, request: HttpRequest, title: str, **more: Any) -> dict[str, Any]:
        return {
            **self.admin_site.each_context(request),
            "title": title,
            "opts": self.opts,
            "media": self.media,
            **more,
        }

    def _back_to_list(self) -> HttpResponseRedirect:
        return HttpResponseRedirect(
            reverse(f"{self.admin_site.name}:tenants_apikey_changelist")
        )


def _cannot_rotate(key: ApiKey) -> str:
    if key.revoked_at is not None:
        return f"{key.prefix}… is revoked; issue a new key."
    if key.rotated_to_id is not None:
        return f"{key.prefix}… was rotated already; rotate its successor."
    return ""
