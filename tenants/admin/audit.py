"""The audit of configuration: who changed what, when, from which value to which."""

from datetime import datetime, time
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.conf import settings
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.timezone import make_aware
from pghistory.models import Events
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminSingleDateWidget,
    UnfoldAdminTextInputWidget,
)

from tenants.admin.audit_entries import shown_entries
from tenants.admin.base import ReadOnlyAdmin
from tenants.audit_export import FORMATS, export_response
from tenants.audit_trail import (
    SEEN_BY,
    audited_models,
    audited_within,
    entries,
    model_named,
    page_of,
)
from tenants.roles import Reach, reach_for

ACTIONS = [("", "Any action"), *((a, a) for a in ("insert", "update", "delete"))]
_MAX_USERS = 500


def _model_choices() -> list[tuple[str, str]]:
    return [
        ("", "Everything"),
        *(
            (model._meta.label_lower, str(model._meta.verbose_name))
            for model in audited_models()
        ),
    ]


def _user_choices(reach: Reach) -> list[tuple[str, str]]:
    """Return the people of the organizations that the audit is shown of."""
    users = get_user_model()._default_manager.order_by("username")
    ids = reach.organization_ids(SEEN_BY)
    if ids is None:
        users = users.filter(Q(is_superuser=True) | Q(memberships__isnull=False))
    else:
        users = users.filter(memberships__organization__in=ids)
    people = users.distinct()[:_MAX_USERS]
    return [("", "Anybody"), *((str(u.pk), u.get_username()) for u in people)]


class AuditFilter(forms.Form):
    q = forms.CharField(
        label="Name",
        required=False,
        max_length=100,
        widget=UnfoldAdminTextInputWidget(attrs={"placeholder": "Name contains …"}),
    )
    model = forms.ChoiceField(
        label="What",
        required=False,
        choices=_model_choices,
        widget=UnfoldAdminSelectWidget,
    )
    action = forms.ChoiceField(
        required=False, choices=ACTIONS, widget=UnfoldAdminSelectWidget
    )
    user = forms.ChoiceField(
        label="Who", required=False, widget=UnfoldAdminSelectWidget
    )
    since = forms.DateField(
        label="From", required=False, widget=UnfoldAdminSingleDateWidget
    )
    until = forms.DateField(
        label="To", required=False, widget=UnfoldAdminSingleDateWidget
    )

    def __init__(self, *args: Any, reach: Reach, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.reach = reach
        self.fields["user"].choices = _user_choices(reach)  # type: ignore[attr-defined]

    def sources(self) -> list[Any]:
        chosen = self.cleaned_data if self.is_valid() else {}
        since, until = chosen.get("since"), chosen.get("until")
        found = entries(
            model=model_named(chosen.get("model") or ""),
            action=chosen.get("action") or "",
            user_id=int(chosen["user"]) if chosen.get("user") else None,
            since=make_aware(datetime.combine(since, time.min)) if since else None,
            until=make_aware(datetime.combine(until, time.max)) if until else None,
            text=chosen.get("q") or "",
        )
        return [
            rows.filter(audited_within(self.reach, rows.model.pgh_tracked_model))
            for rows in found
        ]


@admin.register(Events)
class AuditAdmin(ReadOnlyAdmin):
    """One list over the event tables of all audited models."""

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return settings.AUDIT_ENABLED and reach_for(request).may_anywhere(SEEN_BY)

    def get_urls(self) -> list[Any]:
        export = self.admin_site.admin_view(self.export_view)
        name = "pghistory_events_export"
        return [path("export/<slug:kind>/", export, name=name), *super().get_urls()]

    def export_view(self, request: HttpRequest, kind: str) -> StreamingHttpResponse:
        """Send all that the filter lets through, page by page."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        form = AuditFilter(request.GET, reach=reach_for(request))
        if kind not in FORMATS or not form.is_valid():
            raise Http404
        return export_response(request, form.sources(), kind)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        form = AuditFilter(request.GET, reach=reach_for(request))
        page, older = page_of(form.sources(), request.GET.get("before", ""))
        kept = {k: v for k, v in request.GET.items() if k != "before" and v}
        context = {
            **self.admin_site.each_context(request),
            "title": "Audit",
            "media": self.media + form.media,
            "form": form,
            "entries": shown_entries(page, self.admin_site),
            "older_url": f"?{urlencode({**kept, 'before': older})}" if older else "",
            "newest_url": f"?{urlencode(kept)}" if "before" in request.GET else "",
            "is_filtered": bool(kept),
            "exported": urlencode(kept),
            **(extra_context or {}),
        }
        return TemplateResponse(request, "admin/signalbox/audit.html", context)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:pghistory_events_changelist"))
