"""Requests that wait for somebody to agree."""

from collections.abc import Iterable
from datetime import timedelta

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminTextareaWidget

from tenants.admin.base import ReadOnlyAdmin
from tenants.admin.unfolded import action, display
from tenants.approvals import AlreadyDecided, decide, state_at
from tenants.models import Approval

_COLOURS = {
    "pending": "warning",
    "approved": "info",
    "used": "success",
    "rejected": "danger",
    "expired": "",
}


class DecisionForm(forms.Form):
    comment = forms.CharField(
        required=False,
        max_length=500,
        help_text="Kept with the decision.",
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
    )


@admin.register(Approval)
class ApprovalAdmin(ReadOnlyAdmin):
    """Approvals are looked at and decided on; nothing else of them changes."""

    list_display = [
        "shown_state",
        "project",
        "model",
        "shown_estimate",
        "requested_at",
        "expires_at",
        "decided_by",
    ]
    list_display_links = ["shown_state", "model"]
    list_filter = ["state", ("project", AutocompleteSelectFilter)]
    list_select_related = ["project", "decided_by"]
    search_fields = ["project__slug", "model"]
    sortable_by = ("requested_at",)
    actions = ["approve_selected", "reject_selected"]
    actions_detail = ["approve", "reject"]
    readonly_fields = [
        "shown_state",
        "project",
        "api_key",
        "end_user",
        "operation",
        "path",
        "alias",
        "provider",
        "model",
        "shown_estimate",
        "threshold_usd",
        "shown_digest",
        "captured_request",
        "requested_at",
        "expires_at",
        "decided_at",
        "decided_by",
        "comment",
        "used_at",
    ]
    fields = [*readonly_fields]

    @display(description="state", label=_COLOURS)
    def shown_state(self, approval: Approval) -> str:
        return state_at(approval, timezone.now())

    @display(description="estimate", ordering="estimate_usd")
    def shown_estimate(self, approval: Approval) -> str:
        return f"{approval.estimate_usd:.4f} USD"

    @display(description="request")
    def captured_request(self, approval: Approval) -> str:
        if not approval.project.capture:
            return "Not kept: the project does not capture texts."
        url = f"/admin/usage/capturedtext/?q={approval.pk}"
        return format_html('<a class="sb-link" href="{}">Captured texts</a>', url)

    @display(description="digest of the request")
    def shown_digest(self, approval: Approval) -> str:
        return bytes(approval.digest).hex()

    def has_decide_permission(
        self, request: HttpRequest, object_id: str | None = None
    ) -> bool:
        """Those decide who may change the project's configuration."""
        row = None if object_id is None else self.get_object(request, str(object_id))
        return super(ReadOnlyAdmin, self).has_change_permission(request, row)

    @action(
        description="Approve",
        url_path="approve",
        permissions=["decide"],
        icon="check",
        variant=ActionVariant.SUCCESS,
    )
    def approve(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._decide_one(request, object_id, approved=True)

    @action(
        description="Reject",
        url_path="reject",
        permissions=["decide"],
        icon="close",
        variant=ActionVariant.DANGER,
    )
    def reject(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._decide_one(request, object_id, approved=False)

    @action(description="Approve selected", permissions=["decide"])
    def approve_selected(
        self, request: HttpRequest, queryset: QuerySet[Approval]
    ) -> None:
        self._decide(request, queryset, approved=True)

    @action(description="Reject selected", permissions=["decide"])
    def reject_selected(
        self, request: HttpRequest, queryset: QuerySet[Approval]
    ) -> None:
        self._decide(request, queryset, approved=False)

    def _decide_one(
        self, request: HttpRequest, object_id: str, *, approved: bool
    ) -> HttpResponse:
        """Ask first: an address that somebody follows must not decide anything."""
        approval = self.get_object(request, object_id)
        if approval is None:
            raise Http404
        page = reverse(
            f"{self.admin_site.name}:tenants_approval_change", args=[approval.pk]
        )
        form = DecisionForm(request.POST if request.method == "POST" else None)
        if form.is_valid():
            comment = form.cleaned_data["comment"]
            self._decide(request, [approval], approved=approved, comment=comment)
            return HttpResponseRedirect(page)
        verb = "Approve" if approved else "Reject"
        context = {
            **self.admin_site.each_context(request),
            "title": f"{verb} a request",
            "opts": self.opts,
            "approval": approval,
            "state": self.shown_state(approval),
            "verb": verb,
            "variant": "primary" if approved else "danger",
            "form": form,
            "page": page,
        }
        template = "admin/signalbox/approval_decide.html"
        return TemplateResponse(request, template, context)

    def _decide(
        self,
        request: HttpRequest,
        rows: Iterable[Approval],
        *,
        approved: bool,
        comment: str = "",
    ) -> None:
        lasts = timedelta(hours=settings.APPROVAL_HOURS)
        done = 0
        for approval in rows:
            try:
                decide(
                    approval.pk,
                    approved=approved,
                    by=request.user,  # type: ignore[arg-type]
                    comment=comment,
                    lasts=lasts,
                )
            except AlreadyDecided as error:
                self.message_user(request, f"{approval}: {error}", messages.WARNING)
            else:
                done += 1
        if done:
            what = "approved" if approved else "rejected"
            self.message_user(request, f"{done} {what}.", messages.SUCCESS)
