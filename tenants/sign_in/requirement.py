"""Who has to have a second factor, and what is open to them until they do."""

from collections.abc import Callable
from typing import Any

from allauth.account.internal.flows.login import get_authentication_records
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    JsonResponse,
)
from django.urls import reverse

from tenants.models import Role
from tenants.roles import reach_for

# Enrolling, proving who one is, and leaving.
_OPEN = frozenset(
    {
        "mfa_activate_totp",
        "account_reauthenticate",
        "admin:logout",
        "admin:login",
        "admin:jsi18n",
        "account_login",
    }
)
_NEEDED = "Set up two-factor sign-in first: this installation asks for it."


def is_required(request: HttpRequest) -> bool:
    """Tell whether who asks has to have a second factor.

    People from an identity provider have theirs there.
    """
    wanted: str = settings.REQUIRE_TWO_FACTOR
    if wanted == "off" or not request.user.is_authenticated:
        return False
    records = get_authentication_records(request, request.user)
    if any(record.get("method") == "socialaccount" for record in records):
        return False
    return wanted == "all" or reach_for(request).may_anywhere(Role.OWNER)


def must_enrol(request: HttpRequest) -> bool:
    return is_required(request) and not is_mfa_enabled(request.user)


class TwoFactorMiddleware:
    """Opens nothing but the enrolment to people who still lack a second factor."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Any, args: Any, kwargs: Any
    ) -> HttpResponse | None:
        match = request.resolver_match
        if settings.REQUIRE_TWO_FACTOR == "off" or match is None:
            return None
        if match.view_name in _OPEN or not must_enrol(request):
            return None
        if request.path.startswith("/api/"):
            body = {"error": {"code": "two_factor_required", "message": _NEEDED}}
            return JsonResponse(body, status=403)
        return HttpResponseRedirect(reverse("mfa_activate_totp"))
