"""People: who has which role in which organization."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.widgets import UnfoldAdminTextInputWidget

from tenants.admin.base import OperatorAdmin, is_new
from tenants.admin.inlines import ReadOnlyInline
from tenants.admin.unfolded import action, display
from tenants.models import Membership, Role
from tenants.people import (
    check_may_give,
    check_owner_remains,
    invitation_path,
    may_be_invited_again,
    user_named,
)
from tenants.roles import Reach, reach_for


class MembershipForm(forms.ModelForm[Membership]):
    person = forms.CharField(
        max_length=254,
        widget=UnfoldAdminTextInputWidget,
        help_text="User name or e-mail address. Somebody new is invited by e-mail "
        "address: they sign in with the identity provider, or choose a password by a "
        "link that you are shown once.",
    )
    reach: Reach

    class Meta:
        model = Membership
        fields = ["organization", "role"]

    def clean_person(self) -> str:
        text = str(self.cleaned_data["person"])
        self.instance.user, self.is_invited = user_named(text)
        return text

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        role = self.cleaned_data.get("role")
        if role is None or "organization" in self.errors or "person" in self.errors:
            return cleaned
        if is_new(self.instance):
            organization = self.cleaned_data.get("organization")
            organization_id = organization.pk if organization is not None else None
            user = self.instance.user
            held = Membership.objects.filter(organization=organization_id)
            if held.filter(user=user.pk).exists():
                msg = "This person belongs to the organization already."
                raise ValidationError({"person": msg})
        else:
            organization_id = self.instance.organization_id
            before = Membership.objects.get(pk=self.instance.pk)
            check_may_give(self.reach, before.role, organization_id)
            check_owner_remains(before, role, self.reach)
        check_may_give(self.reach, role, organization_id)
        return cleaned

    def _get_validation_exclusions(self) -> set[str]:
        # Somebody new is saved only with their membership.
        return {*super()._get_validation_exclusions(), "user"}  # type: ignore[misc]


@admin.register(Membership)
class MembershipAdmin(OperatorAdmin):
    form = MembershipForm
    list_display = ["person", "shown_organization", "role", "last_login", "created_at"]
    list_display_links = ["person"]
    list_filter = [("organization", AutocompleteSelectFilter), "role"]
    list_select_related = ["user", "organization"]
    search_fields = ["user__username", "user__email"]
    search_help_text = "User name or e-mail address"
    autocomplete_fields = ["organization"]
    sortable_by = ()
    ordering = ["-id"]
    actions: list[str] = []
    actions_row = ["invite_again"]
    actions_detail = ["invite_again"]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        if obj is None:
            return ["person", "organization", "role"]
        return ["user", "organization", "role", "created_at"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return [] if obj is None else ["user", "organization", "created_at"]

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        form.reach = reach_for(request)
        if obj is not None:
            form.base_fields.pop("person", None)
        return form

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions = super().get_actions(request)
        # The last owner is looked for one by one.
        actions.pop("delete_selected", None)
        return actions

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if not super().has_delete_permission(request, obj):
            return False
        return not isinstance(obj, Membership) or not self._why_kept(request, obj)

    def _why_kept(self, request: HttpRequest, membership: Membership) -> str:
        reach = reach_for(request)
        try:
            check_may_give(reach, membership.role, membership.organization_id)
            check_owner_remains(membership, None, reach)
        except ValidationError as refusal:
            return " ".join(refusal.messages)
        return ""

    @display(description="person", ordering="user__username")
    def person(self, membership: Membership) -> str:
        # Not the e-mail address: other organizations may know the person too.
        return membership.user.get_username()

    @display(description="organization", empty_value="the whole installation")
    def shown_organization(self, membership: Membership) -> str | None:
        organization = membership.organization
        return None if organization is None else str(organization)

    @display(description="last sign-in", empty_value="never")
    def last_login(self, membership: Membership) -> Any:
        return membership.user.last_login

    def save_model(
        self, request: HttpRequest, obj: Membership, form: Any, change: Any
    ) -> None:
        obj.is_invitation = not change and obj.user.pk is None  # type: ignore[attr-defined]
        if obj.is_invitation:  # type: ignore[attr-defined]
            obj.user.save()
            obj.user_id = obj.user.pk
        if change:
            self._check_owner_remains(request, obj, obj.role)
        super().save_model(request, obj, form, change)

    def delete_model(self, request: HttpRequest, obj: Membership) -> None:
        with transaction.atomic():
            self._check_owner_remains(request, obj, None)
            super().delete_model(request, obj)

    def _check_owner_remains(
        self, request: HttpRequest, obj: Membership, role: str | None
    ) -> None:
        """Look again with the owners locked: two of them may remove each other at once."""
        rows = Membership.objects.select_for_update().filter(
            organization=obj.organization_id, role=Role.OWNER
        )
        before = next((row for row in rows if row.pk == obj.pk), None)
        if before is None:
            return
        try:
            check_owner_remains(before, role, reach_for(request))
        except ValidationError as refusal:
            raise PermissionDenied(refusal.messages[0]) from refusal

    def response_add(
        self, request: HttpRequest, obj: Membership, post_url_continue: Any = None
    ) -> HttpResponse:
        if obj.is_invitation:  # type: ignore[attr-defined]
            return self._show_link(request, obj)
        return super().response_add(request, obj, post_url_continue)

    @action(
        description="Invite again",
        icon="mail",
        url_path="invite",
        permissions=["change"],
    )
    def invite_again(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show the link once more to whoever lost it before it was used."""
        membership = self.get_object(request, object_id)
        if membership is None or not self.has_change_permission(request, membership):
            raise PermissionDenied
        if not may_be_invited_again(membership.user, reach_for(request)):
            self.message_user(
                request,
                f"{membership.user} has signed in already, or belongs elsewhere as well.",
                messages.WARNING,
            )
            return self._back_to_list()
        if request.method == "POST":
            return self._show_link(request, membership)
        return TemplateResponse(
            request,
            "admin/signalbox/invite_again.html",
            self._context(request, f"Invite {membership.user} again", membership),
        )

    def _show_link(self, request: HttpRequest, membership: Membership) -> HttpResponse:
        context = self._context(request, "Invitation", membership)
        context["link"] = request.build_absolute_uri(invitation_path(membership.user))
        answer = TemplateResponse(request, "admin/signalbox/invitation.html", context)
        answer.headers["Cache-Control"] = "no-store"
        return answer

    def _context(
        self, request: HttpRequest, title: str, membership: Membership
    ) -> dict[str, Any]:
        return {
            **self.admin_site.each_context(request),
            "title": title,
            "opts": self.opts,
            "media": self.media,
            "membership": membership,
            "role": Role(membership.role).label,
        }

    def _back_to_list(self) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:tenants_membership_changelist"))


class MembershipInline(ReadOnlyInline):
    """What a user may do, on the page of the user."""

    model = Membership
    readonly_fields = ["page", "role", "created_at"]
    fields = [*readonly_fields]
    verbose_name_plural = "roles, which are given under People"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Membership]:
        return super().get_queryset(request).select_related("user", "organization")
