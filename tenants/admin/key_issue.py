"""Keys that are made: issued, or rotated. A key is shown once, where it is made.

The text of a key goes from `ApiKey.issue` into the page and nowhere else: into no
message, session, redirect or log.
"""

from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.views.decorators.debug import sensitive_variables

from tenants.admin.api_key_forms import RotateForm
from tenants.admin.key_pages import KeyPages
from tenants.admin.unfolded import action
from tenants.models import ApiKey


class KeyIssue(KeyPages):
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
        key = self.working_key(request, object_id)
        if key is None:
            return self.back_to_list()
        form = RotateForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            with transaction.atomic():
                key = ApiKey.objects.select_for_update(of=("self",)).get(pk=key.pk)
                if refusal := _cannot_rotate(key):
                    self.message_user(request, refusal, messages.ERROR)
                    return self.back_to_list()
                successor, text = key.rotate(form.grace())
                self.log_change(request, key, f"Rotated to {successor.prefix}.")
                self.log_addition(request, successor, "Issued by rotation.")
            return self._show_once(request, successor, text, replaces=key)
        return TemplateResponse(
            request,
            "admin/signalbox/key_rotate.html",
            self.key_context(request, f"Rotate {key}", key=key, form=form),
        )

    def _show_once(
        self,
        request: HttpRequest,
        key: ApiKey,
        text: str,
        replaces: ApiKey | None = None,
    ) -> HttpResponse:
        context = self.key_context(
            request, "Keep this key", key=key, text=text, replaces=replaces
        )
        # Rendered here, so that the text outlives this call in the answer alone.
        answer = TemplateResponse(
            request, "admin/signalbox/key_issued.html", context
        ).render()
        return HttpResponse(answer.content, status=201)


def _cannot_rotate(key: ApiKey) -> str:
    if key.revoked_at is not None:
        return f"{key.prefix}… is revoked; issue a new key."
    if key.rotated_to_id is not None:
        return f"{key.prefix}… was rotated already; rotate its successor."
    return ""
