"""Versions of the configuration: compare two of them, and go back to one."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from unfold.widgets import UnfoldAdminTextInputWidget

from catalog.versions.difference import RowChange, compare
from catalog.versions.listing import NoVersion, Version, newest, version, versions
from catalog.versions.rollback import Rollback, RollbackRefused, preview, roll_back
from tenants.admin.base import ReadOnlyAdmin
from tenants.models import ConfigChange, Role
from tenants.roles import reach_for

_COLOURS = {
    "create": "success",
    "change": "info",
    "deactivate": "warning",
    "delete": "danger",
}
# How many rows a page shows; all of them are changed.
_MAX_SHOWN = 500
_MAX_NUMBER = 10**18


class ConfirmForm(forms.Form):
    number = forms.CharField(
        label="Number of the version",
        max_length=20,
        help_text="Type it to go back to this version.",
        widget=UnfoldAdminTextInputWidget(
            attrs={"inputmode": "numeric", "autocomplete": "off"}
        ),
    )
    shown = forms.CharField(max_length=64, widget=forms.HiddenInput)

    def __init__(self, wanted: Version, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._wanted = wanted

    def clean_number(self) -> str:
        number = str(self.cleaned_data["number"])
        if number != str(self._wanted.number):
            msg = f"This is version {self._wanted.number}; type that number."
            raise forms.ValidationError(msg)
        return number


@admin.register(ConfigChange)
class VersionAdmin(ReadOnlyAdmin):
    """The list, the comparison and the way back."""

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return reach_for(request).may(Role.OPERATOR, None)

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view
        return [
            path("compare/", view(self.compare_view), name="configuration_compare"),
            path(
                "<int:number>/rollback/",
                view(self.rollback_view),
                name="configuration_rollback",
            ),
            *super().get_urls(),
        ]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        self._check(request)
        before = _number(request.GET.get("before"))
        found = versions(before=before)
        latest = newest()
        context = {
            "title": "Versions of the configuration",
            "versions": [(each, _summary(each)) for each in found],
            "newest": latest,
            "older": found[-1].number if found else None,
            "is_first_page": before is None,
            **(extra_context or {}),
        }
        return self._page(request, "versions", context)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:tenants_configchange_changelist"))

    def compare_view(self, request: HttpRequest) -> HttpResponse:
        self._check(request)
        before = _version(request.GET.get("from"))
        after = None
        if wanted := request.GET.get("to"):
            after = _version(wanted)
        if after is not None and after.number < before.number:
            before, after = after, before
        found = compare(before, after)
        context = {
            "title": f"Version {before.number} and "
            + (f"version {after.number}" if after else "now"),
            "before": before,
            "after": after,
            **_shown("changes", found),
        }
        return self._page(request, "versions_compare", context)

    def rollback_view(self, request: HttpRequest, number: int) -> HttpResponse:
        self._check(request)
        wanted = _version(str(number))
        form = ConfirmForm(wanted, request.POST or None)
        try:
            if request.method == "POST" and form.is_valid():
                done = roll_back(wanted, shown=form.cleaned_data["shown"])
                return self._went_back(request, done)
        except RollbackRefused as refusal:
            messages.error(request, str(refusal))
            form = ConfirmForm(wanted)
        try:
            found = preview(wanted)
        except RollbackRefused as refusal:
            messages.error(request, str(refusal))
            address = reverse("admin:tenants_configchange_changelist")
            return HttpResponseRedirect(address)
        form.initial["shown"] = found.digest
        if form.is_bound:
            form.data = {**request.POST.dict(), "shown": found.digest}
        context = {
            "title": f"Go back to version {wanted.number}",
            "rollback": found,
            "form": form,
            **_shown("changes", found.changes),
        }
        return self._page(request, "versions_rollback", context)

    def _went_back(self, request: HttpRequest, done: Rollback) -> HttpResponse:
        messages.success(
            request, f"Went back to version {done.version.number}: {done.summary()}."
        )
        return HttpResponseRedirect(reverse("admin:tenants_configchange_changelist"))

    def _check(self, request: HttpRequest) -> None:
        if not self.has_view_permission(request):
            raise PermissionDenied

    def _page(
        self, request: HttpRequest, name: str, context: dict[str, Any]
    ) -> HttpResponse:
        return TemplateResponse(
            request,
            f"admin/signalbox/{name}.html",
            {**self.admin_site.each_context(request), **context},
        )


def _number(text: str | None) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and int(text) < _MAX_NUMBER):
        raise Http404
    return int(text)


def _version(text: str | None) -> Version:
    number = _number(text)
    try:
        return version(number or 0)
    except NoVersion as error:
        raise Http404(str(error)) from error


def _summary(each: Version) -> list[str]:
    """Return a few words for each of the first rows that a version changed."""
    return [
        f"{entry.action} {entry.kind} {entry.name}"
        for entry in each.entries
        if entry.action != "update" or entry.changes
    ]


def _shown(name: str, found: list[RowChange]) -> dict[str, Any]:
    return {
        name: [
            (change, _COLOURS.get(change.action, "")) for change in found[:_MAX_SHOWN]
        ],
        "more": max(0, len(found) - _MAX_SHOWN),
    }
