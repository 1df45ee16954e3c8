"""The pages of signing in, and of the second factor, in the looks of the admin."""

from typing import Any

from allauth.account.forms import ReauthenticateForm as PasswordForm
from allauth.account.internal.flows.login import perform_password_login
from allauth.account.models import Login
from allauth.account.views import ReauthenticateView
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.base.views import AuthenticateView, IndexView
from allauth.mfa.base.views import ReauthenticateView as CodeAgainView
from allauth.mfa.recovery_codes.views import (
    GenerateRecoveryCodesView,
    ViewRecoveryCodesView,
)
from allauth.mfa.totp.forms import ActivateTOTPForm
from allauth.mfa.totp.views import ActivateTOTPView, DeactivateTOTPView
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.forms import SetPasswordForm
from django.contrib.auth.views import LoginView, PasswordResetConfirmView
from django.http import HttpRequest, HttpResponse
from django.urls import reverse, reverse_lazy
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache

from tenants.sign_in.forms import SignInForm, plain
from tenants.sign_in.requirement import is_required


class SignInView(LoginView):
    form_class = SignInForm
    template_name = "sign_in/sign_in.html"

    def get_default_redirect_url(self) -> str:
        return reverse("admin:index")

    def form_valid(self, form: Any) -> HttpResponse:
        user = form.get_user()
        login = Login(
            user=user, email_verification="none", redirect_url=self.get_success_url()
        )
        response: HttpResponse = perform_password_login(
            self.request, {"username": user.get_username()}, login
        )
        return response


def sign_in_page(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    context = {
        **context,
        "title": "Sign in",
        "app_path": request.get_full_path(),
        "oidc_name": settings.OIDC["name"] if settings.OIDC["issuer"] else "",
        "next": request.GET.get("next", ""),
    }
    answer: Any = SignInView.as_view(extra_context=context)(request)
    return answer  # type: ignore[no-any-return]


class AdminLooks:
    """A page between the admin's own sidebar and header."""

    title = ""
    request: HttpRequest

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)  # type: ignore[misc]
        shown = admin.site.each_context(self.request)
        return {**shown, "title": self.title, **context}


@method_decorator(never_cache, name="dispatch")
class CodePage(AdminLooks, AuthenticateView):  # type: ignore[misc]
    title = "Your code"
    form_class = plain(AuthenticateForm)
    template_name = "sign_in/code.html"


@method_decorator(never_cache, name="dispatch")
class PasswordAgainPage(AdminLooks, ReauthenticateView):  # type: ignore[misc]
    title = "Your password once more"
    form_class = plain(PasswordForm)
    template_name = "sign_in/again.html"


@method_decorator(never_cache, name="dispatch")
class CodeAgainPage(AdminLooks, CodeAgainView):  # type: ignore[misc]
    title = "Your code once more"
    form_class = plain(ReauthenticateForm)
    template_name = "sign_in/again.html"


@method_decorator(never_cache, name="dispatch")
class TwoFactorPage(AdminLooks, IndexView):  # type: ignore[misc]
    title = "Two-factor sign-in"
    template_name = "sign_in/two_factor.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return {
            **super().get_context_data(**kwargs),
            "is_required": is_required(self.request),
            "enrol_url": reverse("mfa_activate_totp"),
            "turn_off_url": reverse("mfa_deactivate_totp"),
        }


@method_decorator(never_cache, name="dispatch")
class EnrolPage(AdminLooks, ActivateTOTPView):  # type: ignore[misc]
    title = "Set up two-factor sign-in"
    form_class = plain(ActivateTOTPForm)
    template_name = "sign_in/enrol.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return {
            **super().get_context_data(**kwargs),
            "is_required": is_required(self.request),
        }


@method_decorator(never_cache, name="dispatch")
class TurnOffPage(AdminLooks, DeactivateTOTPView):  # type: ignore[misc]
    title = "Turn two-factor sign-in off"
    template_name = "sign_in/turn_off.html"


@method_decorator(never_cache, name="dispatch")
class RecoveryCodesPage(AdminLooks, ViewRecoveryCodesView):  # type: ignore[misc]
    title = "Recovery codes"
    template_name = "sign_in/recovery_codes.html"


@method_decorator(never_cache, name="dispatch")
class NewRecoveryCodesPage(AdminLooks, GenerateRecoveryCodesView):  # type: ignore[misc]
    title = "New recovery codes"
    template_name = "sign_in/new_recovery_codes.html"


class SetPasswordPage(AdminLooks, PasswordResetConfirmView):
    """Where the link of an invitation leads, once."""

    title = "Choose your password"
    form_class = plain(SetPasswordForm)
    template_name = "sign_in/set_password.html"
    success_url = reverse_lazy("admin:login")
