"""Pages of rows whose contents are sealed, which may not open."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, reverse

from tenants.encryption import Unsealable


class SealedPages:
    """Tells in a message what a page cannot open, in place of an error page."""

    @property
    def urls(self) -> list[Any]:
        found: list[URLPattern] = self.get_urls()  # type: ignore[attr-defined]
        for pattern in found:
            pattern.callback = self._told(pattern.callback)
        return found

    def _told(self, view: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(view)
        def told(request: HttpRequest, *args: Any, **values: Any) -> HttpResponse:
            try:
                response: HttpResponse = view(request, *args, **values)
                if isinstance(response, TemplateResponse):
                    response.render()
            except Unsealable as error:
                messages.error(request, f"This cannot be opened: {error}")
                return HttpResponseRedirect(reverse("admin:index"))
            return response

        return told
