"""Who is asking the control API: an operator's token, or a session of the admin."""

import hmac

import pghistory
from django.contrib.auth.base_user import AbstractBaseUser
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed, Throttled
from rest_framework.request import Request

from tenants.failed_attempts import FAILED_KEYS, origin_of
from tenants.keys import OPERATOR_PREFIX, PROJECT_PREFIX, digest_of, key_id_of
from tenants.models import OperatorToken
from tenants.roles import reach_of

_BEARER = "bearer"
_NOT_BEARER = "Send the operator token as 'Authorization: Bearer sbo_…'."
_PROJECT_KEY = (
    "This is a project key, which is for inference alone. Send an operator token "
    "(sbo_…); manage.py issue_operator_token USER makes one."
)
_NOT_VALID = (
    "This operator token is not valid: it is mistyped, expired or revoked, or its "
    "user is not active."
)
_TOO_MANY = "Too many tokens that are not valid came from your network address."
_NO_DIGEST = bytes(32)


class OperatorTokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer sbo_…`; where it is sent, nothing else counts."""

    def authenticate(self, request: Request) -> tuple[AbstractBaseUser, object] | None:
        sent = request.headers.get("authorization")
        if sent is None:
            return None
        scheme, _, text = sent.partition(" ")
        if scheme.lower() != _BEARER:
            raise AuthenticationFailed(_NOT_BEARER)
        token = _token(text.strip(), _origin(request))
        # The audit then tells a token's changes from those of its user in the admin.
        pghistory.context(operator_token=token.prefix)
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class AdminSessionAuthentication(SessionAuthentication):
    """A session of the admin; whatever changes something needs its CSRF token."""

    def authenticate(self, request: Request) -> tuple[AbstractBaseUser, object] | None:
        found = super().authenticate(request)
        return found if found is not None and reach_of(found[0]) else None


def _token(text: str, origin: str) -> OperatorToken:
    if text.startswith(f"{PROJECT_PREFIX}_"):
        raise AuthenticationFailed(_PROJECT_KEY)
    if wait_s := FAILED_KEYS.wait_s(origin, digest_of(text)):
        raise Throttled(wait_s, _TOO_MANY)
    token_id = key_id_of(text, OPERATOR_PREFIX)
    token = (
        None
        if token_id is None
        else OperatorToken.objects.select_related("user")
        .filter(token_id=token_id)
        .first()
    )
    # An unknown token is compared as well: it takes as long as a known one.
    known = _NO_DIGEST if token is None else bytes(token.digest)
    is_right = hmac.compare_digest(known, digest_of(text))
    if token is None or not (is_right and token.is_active and token.user.is_active):
        FAILED_KEYS.note(origin)
        raise AuthenticationFailed(_NOT_VALID)
    FAILED_KEYS.recognize(known)
    return token


def _origin(request: Request) -> str:
    meta = request.META
    peer, forwarded = meta.get("REMOTE_ADDR"), meta.get("HTTP_X_FORWARDED_FOR", "")
    return origin_of(peer or "", forwarded)


class OperatorTokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = OperatorTokenAuthentication
    name = "operatorToken"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "An operator token, sbo_…",
        }


class AdminSessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = AdminSessionAuthentication
    name = "adminSession"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        return {
            "type": "apiKey",
            "in": "cookie",
            "name": "sessionid",
            "description": "A session of the admin; changes need `X-CSRFToken` too.",
        }
