"""The admin's page that shows what a model would be told of an end user."""

from datetime import date
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from unfold.widgets import UnfoldAdminDateWidget, UnfoldAdminTextInputWidget

from gateway.configuration.end_user_loading import read_end_users
from gateway.configuration.tenant_loading import read_project
from gateway.context.assembling import preview
from gateway.context.wishes import wish_from
from gateway.context.wording import Worded
from gateway.refusals import Refusal
from tenants.access import seen_by, sees_some
from tenants.access_table import ACCESS
from tenants.encryption import Unsealable
from tenants.models import ContextEntry, ContextView, Project
from tenants.roles import Reach, reach_for

_NEEDED = ACCESS["tenants.contextentry"].view


class PreviewForm(forms.Form):
    project = forms.CharField(
        max_length=100,
        help_text="Slug of the project.",
        widget=UnfoldAdminTextInputWidget(),
    )
    user = forms.CharField(
        label="User id",
        max_length=200,
        help_text="As the project calls its end user.",
        widget=UnfoldAdminTextInputWidget(),
    )
    scope = forms.CharField(
        max_length=63,
        initial="standard",
        help_text="minimal, standard, comprehensive, or one of the project's own.",
        widget=UnfoldAdminTextInputWidget(),
    )
    start = forms.DateField(
        required=False,
        help_text="Nothing from before.",
        widget=UnfoldAdminDateWidget(),
    )
    end = forms.DateField(
        required=False,
        help_text="Nothing from after.",
        widget=UnfoldAdminDateWidget(),
    )
    include = forms.CharField(
        required=False,
        max_length=2000,
        help_text="Kinds, separated by commas; empty: all of the scope.",
        widget=UnfoldAdminTextInputWidget(),
    )
    exclude = forms.CharField(
        required=False,
        max_length=2000,
        help_text="Kinds to leave out.",
        widget=UnfoldAdminTextInputWidget(),
    )

    def __init__(self, *args: Any, reach: Reach, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.reach = reach

    def clean_project(self) -> Project:
        slug = self.cleaned_data["project"]
        theirs = Project.objects.filter(seen_by(self.reach, Project, role=_NEEDED))
        project = theirs.filter(slug=slug).first()
        if project is None:
            msg = "There is no project of this slug whose users you may see."
            raise forms.ValidationError(msg)
        return project

    def clean_include(self) -> list[str] | None:
        return _names(self.cleaned_data["include"]) or None

    def clean_exclude(self) -> list[str]:
        return _names(self.cleaned_data["exclude"])


def preview_page(request: HttpRequest) -> HttpResponse:
    """Show the form, and what it was filled in for; whoever looks is written down."""
    reach = reach_for(request)
    if not sees_some(reach, ContextEntry):
        raise PermissionDenied
    form = PreviewForm(
        request.POST or None,
        initial={n: request.GET[n] for n in ("project", "user") if n in request.GET},
        reach=reach,
    )
    told: Worded | None = None
    if form.is_valid():
        try:
            told = _previewed(request, **form.cleaned_data)
        except Refusal as refusal:
            form.add_error(None, refusal.message)
        except Unsealable:
            form.add_error(None, "An entry does not open with the user's key.")
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": "Preview a context",
        "media": form.media,
        "form": form,
        "told": told,
    }
    return TemplateResponse(request, "admin/signalbox/context_preview.html", context)


def _previewed(
    request: HttpRequest,
    project: Project,
    user: str,
    scope: str,
    start: date | None,
    end: date | None,
    include: list[str] | None,
    exclude: list[str],
) -> Worded:
    """Return the text. Raises a `Refusal`, and `Unsealable`."""
    record = read_project(project.pk)
    if record is None:
        raise Refusal("The project cannot be read; the log says why.")
    span = {"start": start and start.isoformat(), "end": end and end.isoformat()}
    wish = wish_from(
        {"scope": scope, "dateRange": span, "include": include, "exclude": exclude},
        record,
    )
    found = read_end_users([(project.pk, user)])[0].get((project.pk, user))
    ContextView.objects.create(
        user_id=request.user.pk,
        project=project,
        end_user_id=None if found is None else found.pk,
        scope=wish.rules.name,
    )
    return preview(wish, record, found)


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]
