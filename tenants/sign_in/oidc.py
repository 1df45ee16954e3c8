"""Sign-in by an OpenID Connect provider: who comes in, and with which roles.

Nobody comes in by having an account there. Somebody whom an owner has added is known by a
verified e-mail address; somebody new is let in where a group of theirs, or the default
role, gives them a role.
"""

import logging
from typing import Any

from allauth.account.utils import get_next_redirect_url
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.internal import jwtkit
from allauth.socialaccount.models import SocialLogin, SocialToken
from allauth.socialaccount.providers.base.constants import AuthProcess
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView
from allauth.socialaccount.providers.openid_connect.views import (
    OpenIDConnectOAuth2Adapter,
)
from allauth.utils import build_absolute_uri
from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from tenants.roles import reach_of
from tenants.sign_in.adapters import refused
from tenants.sign_in.groups import give_roles, is_given_a_role

PROVIDER = "oidc"
_NO_ACCESS = (
    "{} is not known here. Ask an owner of your organization to add this e-mail address "
    "to its people, then sign in again."
)
_UNVERIFIED = (
    "The identity provider does not say that it verified {}. Ask its administrators, or "
    "sign in with your password."
)
_SEVERAL = (
    "Several users have the e-mail address {}; the installation's owners can tell."
)
_FAILED = "Sign-in with {} did not work. Try again; if it stays so, the log says why."
_MAX_USERNAME = 150

log = logging.getLogger(__name__)


class OIDCAdapter(OpenIDConnectOAuth2Adapter):  # type: ignore[misc]
    """Takes an identity only from a signed token of the issuer that was configured."""

    @property
    def openid_config(self) -> dict[str, Any]:
        found: dict[str, Any] = super().openid_config
        wanted = str(settings.OIDC["issuer"]).rstrip("/")
        if str(found.get("issuer", "")).rstrip("/") != wanted:
            msg = "The discovery document names another issuer."
            raise OAuth2Error(msg)
        return found

    def get_callback_url(self, request: HttpRequest, app: Any) -> str:
        return str(build_absolute_uri(request, reverse("oidc_callback")))

    def complete_login(
        self, request: HttpRequest, app: Any, token: SocialToken, **kwargs: Any
    ) -> SocialLogin:
        id_token = kwargs["response"].get("id_token")
        if not id_token:
            msg = "The token endpoint answered without an id_token."
            raise OAuth2Error(msg)
        claims = self._verified(app, id_token)
        if "userinfo_endpoint" in self.openid_config:
            told = self._fetch_user_info(token.token)
            if told.get("sub") != claims.get("sub"):
                msg = "The user info is about somebody else than the id_token."
                raise OAuth2Error(msg)
            claims = {**claims, **told}
        return self.get_provider().sociallogin_from_response(
            request, {"userinfo": claims}
        )

    def _verified(self, app: Any, id_token: str) -> dict[str, Any]:
        try:
            claims: dict[str, Any] = jwtkit.verify_and_decode(
                credential=id_token,
                keys_url=self.openid_config["jwks_uri"],
                issuer=self.openid_config["issuer"],
                audience=app.client_id,
                lookup_kid=jwtkit.lookup_kid_jwk,
            )
        except (KeyError, TypeError, ValueError) as error:
            msg = "The id_token or the provider's keys cannot be read."
            raise OAuth2Error(msg) from error
        return claims


class SocialAccountAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]
    def is_open_for_signup(self, request: HttpRequest, login: SocialLogin) -> bool:
        return False

    def on_authentication_error(
        self,
        request: HttpRequest,
        provider: Any,
        error: Any = None,
        exception: Exception | None = None,
        extra_context: Any = None,
    ) -> None:
        log.warning("OIDC sign-in failed: %s %s", error or "", exception or "")
        raise ImmediateHttpResponse(
            refused(request, _FAILED.format(settings.OIDC["name"]))
        )

    def pre_social_login(self, request: HttpRequest, login: SocialLogin) -> None:
        """Find or make the user, and give the roles that the provider's groups stand for."""
        claims = login.account.extra_data.get("userinfo") or {}
        with transaction.atomic():
            if not login.is_existing:
                login.connect(request, _user_for(request, claims))
            user = login.user
            give_roles(user, claims)
        if not reach_of(user):
            raise ImmediateHttpResponse(
                refused(request, _NO_ACCESS.format(user.email or user))
            )


def _user_for(request: HttpRequest, claims: dict[str, Any]) -> User:
    """Return the user whom an owner has added, or a new one; refuse whoever is neither."""
    email = str(claims.get("email") or "").strip().lower()
    is_verified = claims.get("email_verified") is True or settings.OIDC["trust_email"]
    known = list(User.objects.filter(email__iexact=email)[:2]) if email else []
    if len(known) > 1:
        raise ImmediateHttpResponse(refused(request, _SEVERAL.format(email)))
    if known and not is_verified:
        raise ImmediateHttpResponse(refused(request, _UNVERIFIED.format(email)))
    if known:
        return _with_one_way_in(known[0])
    if not is_given_a_role(claims):
        name = email or str(claims.get("preferred_username") or claims.get("sub"))
        raise ImmediateHttpResponse(refused(request, _NO_ACCESS.format(name)))
    user = User(
        username=_free_username(claims, email),
        email=email if is_verified else "",
        first_name=str(claims.get("given_name") or "")[:150],
        last_name=str(claims.get("family_name") or "")[:150],
    )
    user.set_unusable_password()
    user.save()
    return user


def _with_one_way_in(user: User) -> User:
    """Take the password from who now comes by the provider, since others may know it.

    Whoever invited somebody has seen the link that sets their first password. Superusers
    keep theirs: it opens the door when the provider is away.
    """
    if not user.is_superuser and user.has_usable_password():
        user.set_unusable_password()
        user.save(update_fields=["password"])
    return user


def _free_username(claims: dict[str, Any], email: str) -> str:
    wanted = str(claims.get("preferred_username") or email or claims["sub"])
    wanted = wanted[: _MAX_USERNAME - 8]
    name, number = wanted, 1
    while User.objects.filter(username__iexact=name).exists():
        number += 1
        name = f"{wanted}-{number}"
    return name


@require_POST
def start(request: HttpRequest) -> HttpResponse:
    """Lead to the provider. Asked by a form of this site, for signing in and no more."""
    _check_configured()
    provider = OIDCAdapter(request, PROVIDER).get_provider()
    provider.oauth2_adapter_class = OIDCAdapter
    try:
        answer: HttpResponse = provider.redirect(
            request, AuthProcess.LOGIN, next_url=get_next_redirect_url(request)
        )
    except (OAuth2Error, OSError) as error:
        return _unreachable(request, error)
    return answer


@require_GET
def callback(request: HttpRequest) -> HttpResponse:
    """Take what the provider sends back with the browser."""
    _check_configured()
    view = OAuth2CallbackView.adapter_view(OIDCAdapter(request, PROVIDER))
    try:
        answer: HttpResponse = view(request)
    except (OAuth2Error, OSError, ValueError) as error:
        return _unreachable(request, error)
    return answer


def _unreachable(request: HttpRequest, error: Exception) -> HttpResponse:
    log.warning("OIDC sign-in failed: %s", error)
    return refused(request, _FAILED.format(settings.OIDC["name"]))


def _check_configured() -> None:
    if not settings.OIDC["issuer"]:
        raise Http404
