"""The admin's page that explains a route: who would be asked, and why others would not."""

from typing import Any

import orjson
from asgiref.sync import async_to_sync
from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from catalog.models import ProviderCheck
from gateway.admin.json_bodies import typed_body
from gateway.budgets.reading import stored_sieve
from gateway.callers import project_caller
from gateway.candidates import Candidate
from gateway.configuration.catalog_loading import build_catalog, read_catalog
from gateway.configuration.end_user_loading import read_end_users
from gateway.configuration.tenant_loading import read_project
from gateway.refusals import Refusal
from gateway.selection.explain import Health, explain
from gateway.selection.sample_requests import sample_of
from gateway.types import JSON
from tenants.access import seen_by, sees_some
from tenants.models import Project
from tenants.roles import Reach, reach_for

_SAMPLE = """{
  "operation": "chat",
  "messages": [{"role": "user", "content": "Say hello."}],
  "max_tokens": 200
}"""
_MAX_BODY = 1_000_000


class ExplainForm(forms.Form):
    project = forms.CharField(
        max_length=100,
        help_text="Slug of the project that asks.",
        widget=UnfoldAdminTextInputWidget(),
    )
    model = forms.CharField(
        label="Alias or model",
        max_length=300,
        required=False,
        help_text="Empty: as the body says, else the project's default alias.",
        widget=UnfoldAdminTextInputWidget(),
    )
    body = forms.CharField(
        label="Body of the request",
        max_length=_MAX_BODY,
        initial=_SAMPLE,
        help_text="Of any inference endpoint, with its operation. It is not sent and "
        "not kept.",
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 12, "spellcheck": "false"}),
    )

    def __init__(self, *args: Any, reach: Reach, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.reach = reach

    def clean_project(self) -> Project:
        slug = self.cleaned_data["project"]
        seen = Project.objects.filter(seen_by(self.reach, Project))
        project = seen.filter(slug=slug).first()
        if project is None:
            raise forms.ValidationError("There is no project of this slug.")
        return project

    def clean_body(self) -> JSON:
        return typed_body(self.cleaned_data["body"])


def explain_page(request: HttpRequest) -> HttpResponse:
    """Show the form, and what it was filled in for."""
    reach = reach_for(request)
    if not sees_some(reach, Project):
        raise PermissionDenied
    form = ExplainForm(request.POST or None, reach=reach)
    told: JSON | None = None
    if form.is_valid():
        try:
            told = _explained(**form.cleaned_data)
        except Refusal as refusal:
            form.add_error(None, refusal.message)
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": "Explain a route",
        "media": form.media,
        "form": form,
        "told": told,
    }
    return TemplateResponse(request, "admin/signalbox/explain.html", context)


def _explained(project: Project, model: str, body: JSON) -> JSON:
    """Explain from what is in the database now. Raises a `Refusal`."""
    if model:
        body["model"] = model
    record = read_project(project.pk)
    if record is None:
        raise Refusal("The project cannot be read; the log says why.")
    catalog = async_to_sync(build_catalog)(read_catalog())
    asked = sample_of(orjson.dumps(body), {}, record, catalog)
    if name := asked.attribution.end_user:
        users, _ = read_end_users([(record.id, name)])
        asked.end_user = users.get((record.id, name))
    sieve = stored_sieve(asked, project_caller(record))
    return explain(asked, record, catalog, _health(), sift=sieve)


def _health() -> Health:
    """Return what tells how a provider did when it was last checked."""
    checks = {
        check.provider_id: check for check in ProviderCheck.objects.latest_of_each()
    }

    def health(candidate: Candidate) -> JSON:
        check = checks.get(candidate.model.provider.id)
        if check is None:
            return {"checked": "unknown", "checked_at": None}
        return {"checked": str(check.status), "checked_at": check.checked_at}

    return health
