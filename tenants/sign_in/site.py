"""The admin itself: open to whoever holds a role, be it in one organization alone."""

from typing import Any

from django.contrib.admin.sites import site as default_site
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, URLResolver, reverse
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from unfold.sites import UnfoldAdminSite

from tenants.roles import reach_for


class SignalboxAdminSite(UnfoldAdminSite):  # type: ignore[misc]
    def has_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_active and reach_for(request))

    def get_urls(self) -> list[URLPattern | URLResolver]:
        # "View on site" would tell of any object whether it is there.
        return [
            route
            for route in super().get_urls()
            if getattr(route, "name", "") != "view_on_site"
        ]

    @method_decorator(never_cache)
    def login(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        # Its forms need the applications to be loaded, which this site comes before.
        from tenants.sign_in.views import sign_in_page

        if request.method == "GET" and self.has_permission(request):
            return HttpResponseRedirect(reverse("admin:index", current_app=self.name))
        return sign_in_page(request, self.each_context(request))


__all__ = ["SignalboxAdminSite", "default_site"]
