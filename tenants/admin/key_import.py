"""The page on which keys of another system are taken over, by their digests."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from tenants.access import may_point_to
from tenants.admin.key_pages import KeyPages
from tenants.admin.unfolded import action
from tenants.key_import import Imported, ImportRefused, import_digests
from tenants.models import ApiKey, Project
from tenants.roles import Reach, reach_for


class KeyImportForm(forms.Form):
    project = forms.SlugField(
        max_length=63,
        help_text="The project's slug.",
        widget=UnfoldAdminTextInputWidget(),
    )
    digests = forms.CharField(
        max_length=2_000_000,
        help_text=(
            "The SHA-256 of a key in hexadecimal on each line, and a name after it if "
            "there is one."
        ),
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 12, "spellcheck": "false"}),
    )

    def __init__(self, reach: Reach, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._reach = reach

    def clean_project(self) -> Project:
        theirs = may_point_to(self._reach, ApiKey._meta.get_field("project"))
        project: Project | None = Project.objects.filter(
            theirs, slug=self.cleaned_data["project"]
        ).first()
        if project is None:
            msg = "There is no such project in which you may add keys."
            raise ValidationError(msg)
        return project

    def save(self) -> Imported | None:
        """Import them; None when a mistake stands with the form now."""
        try:
            return import_digests(
                self.cleaned_data["project"], self.cleaned_data["digests"]
            )
        except ImportRefused as refusal:
            self.add_error("digests", refusal.mistakes)
            return None


class KeyImport(KeyPages):
    actions_list = ["import_keys"]

    @action(
        description="Import",
        icon="upload",
        url_path="import",
        permissions=["add"],
    )
    def import_keys(self, request: HttpRequest) -> HttpResponse:
        form = KeyImportForm(reach_for(request), request.POST or None)
        if request.method == "POST" and form.is_valid():
            found = form.save()
            if found is not None:
                self.message_user(
                    request,
                    f"{found.imported} imported, {found.known} known before.",
                    messages.SUCCESS,
                )
                return self.back_to_list()
        context = self.key_context(request, "Import API keys", form=form)
        return TemplateResponse(request, "admin/signalbox/keys_import.html", context)
