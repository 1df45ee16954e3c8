"""The routes of signing in. Of allauth's, only what is used is open."""

from django.contrib import admin
from django.urls import path

from tenants.sign_in import oidc, views

urlpatterns = [
    # allauth leads to the sign-in page by a name of its own.
    path("login/", admin.site.login, name="account_login"),
    path("login/code/", views.CodePage.as_view(), name="mfa_authenticate"),
    path("login/oidc/", oidc.start, name="oidc_start"),
    path("login/oidc/callback/", oidc.callback, name="oidc_callback"),
    path(
        "login/set-password/<uidb64>/<token>/",
        views.SetPasswordPage.as_view(),
        name="set_password",
    ),
    path("two-factor/", views.TwoFactorPage.as_view(), name="mfa_index"),
    path("two-factor/set-up/", views.EnrolPage.as_view(), name="mfa_activate_totp"),
    path("two-factor/off/", views.TurnOffPage.as_view(), name="mfa_deactivate_totp"),
    path(
        "two-factor/codes/",
        views.RecoveryCodesPage.as_view(),
        name="mfa_view_recovery_codes",
    ),
    path(
        "two-factor/codes/new/",
        views.NewRecoveryCodesPage.as_view(),
        name="mfa_generate_recovery_codes",
    ),
    path(
        "two-factor/password/",
        views.PasswordAgainPage.as_view(),
        name="account_reauthenticate",
    ),
    path("two-factor/code/", views.CodeAgainPage.as_view(), name="mfa_reauthenticate"),
]
