"""What Signalbox decides of allauth's flows: nobody signs up, attempts are counted."""

import base64
import time
from typing import Any

from allauth.account import app_settings
from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.flows.login import get_authentication_records
from allauth.mfa.adapter import DefaultMFAAdapter
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import AbstractBaseUser
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from tenants.encryption import Place, Secret, data_key_by_project_id, seal, unseal
from tenants.networks import client_address

_PLACE = Place("mfa_authenticator", "", "data", "")


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def add_message(self, request: HttpRequest, level: int, *_: Any, **__: Any) -> None:
        """Say nothing: the pages show what came of it."""

    def get_client_ip(self, request: HttpRequest) -> str:
        address = client_address(
            request.META.get("REMOTE_ADDR") or "",
            request.META.get("HTTP_X_FORWARDED_FOR", ""),
            settings.TRUSTED_PROXIES,
        )
        return str(address or "unknown")

    def respond_user_inactive(
        self, request: HttpRequest, user: AbstractBaseUser
    ) -> HttpResponse:
        return refused(request, "This user has been deactivated.")

    def is_reauthentication_required(self, *, app: str, **kwargs: Any) -> bool:
        """Ask for no password again from who gave it a moment ago."""
        records = get_authentication_records(self.request, self.request.user)
        age = time.time() - records[-1]["at"] if records else float("inf")
        if age < app_settings.REAUTHENTICATION_TIMEOUT:
            return False
        return bool(super().is_reauthentication_required(app=app, **kwargs))

    def _get_login_attempts_cache_key(self, request: HttpRequest, **given: Any) -> str:
        # Not of the host that was asked: a client may name any.
        return str(given.get("username", "")).lower()


class MFAAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Seals the secrets of authenticators with the data key of the installation."""

    def get_totp_issuer(self) -> str:
        return f"Signalbox ({super().get_totp_issuer()})"

    def encrypt(self, text: str) -> str:
        sealed = seal(Secret(text), data_key_by_project_id(None), _PLACE)
        return base64.b64encode(sealed).decode()

    def decrypt(self, encrypted_text: str) -> str:
        sealed = base64.b64decode(encrypted_text)
        return unseal(sealed, data_key_by_project_id(None), _PLACE).reveal()


def refused(request: HttpRequest, why: str) -> HttpResponse:
    """Lead back to the sign-in page, which tells why."""
    messages.error(request, why)
    return HttpResponseRedirect(reverse("admin:login"))
