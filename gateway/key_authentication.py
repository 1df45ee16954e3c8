"""A project key at an ordinary DRF view, away from inference: checked in the database."""

import hmac
from ipaddress import ip_network
from typing import Any, cast

import pghistory
from django.conf import settings
from drf_spectacular.openapi import AutoSchema
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from gateway.authentication import KEY_HEADERS, check_failures, failed, key_in
from gateway.openapi.security import ProjectKeyScheme
from gateway.refusals import PermissionRefused
from gateway.uses import USES
from tenants.failed_attempts import FAILED_KEYS, origin_of
from tenants.keys import digest_of, imported_id_of, key_id_of
from tenants.models import ApiKey, Project
from tenants.networks import client_address, is_within

_HEADERS = (b"authorization", *KEY_HEADERS)
_NO_DIGEST = bytes(32)


class KeyAuthentication(BaseAuthentication):
    """Says with which key is asked, as `request.auth`; there is no `request.user`.

    A project in its place would stand in the audit as the person of the same id.
    """

    def authenticate(self, request: Request) -> tuple[Any, Any]:
        meta = request.META
        sent = {
            name: meta[variable].encode("latin-1", "replace")
            for name in _HEADERS
            if (variable := f"HTTP_{name.decode().upper().replace('-', '_')}") in meta
        }
        text = key_in(sent, meta.get("QUERY_STRING", "").encode())
        key = find_key(text, _origin(request))
        check_origin(key, request)
        named = meta.get("HTTP_X_PROJECT_ID")
        if named is not None and named not in {key.project.slug, str(key.project_id)}:
            msg = "The key does not belong to the project that x-project-id names."
            raise PermissionRefused(msg)
        # What is changed stands in the audit under the key's name.
        pghistory.context(actor=key.prefix)
        USES.note_key(key.pk)
        return None, key

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class HasKeyScope(BasePermission):
    """A project key; one with scopes needs the view's `scope` among them."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        key = request.auth
        if not isinstance(key, ApiKey):
            return False
        scope: str = view.scope  # type: ignore[attr-defined]
        if key.scopes and scope not in key.scopes:
            msg = f"This key may not be used for {scope}: it lacks that scope."
            raise PermissionRefused(msg)
        return True


def find_key(text: str, origin: str) -> ApiKey:
    """Return the key of this text, if it may be used now.

    Raises `InvalidKey`, and `LimitExceeded` where too many were not valid lately.
    """
    check_failures(origin, text)
    key_id = key_id_of(text) or imported_id_of(text)
    key: ApiKey | None = None
    if key_id is not None:
        working = ApiKey.objects.filter(
            revoked_at=None, project__active=True, project__organization__active=True
        )
        key = working.select_related("project").filter(key_id=key_id).first()
    # An unknown key is compared as well: it takes as long as a known one.
    known = _NO_DIGEST if key is None else bytes(key.digest)
    is_right = hmac.compare_digest(known, digest_of(text))
    if key is None or not is_right or key.status != "active":
        raise failed(origin)
    FAILED_KEYS.recognize(known)
    return key


def _origin(request: Request) -> str:
    meta = request.META
    peer, forwarded = meta.get("REMOTE_ADDR"), meta.get("HTTP_X_FORWARDED_FOR", "")
    return origin_of(peer or "", forwarded)


def check_origin(key: ApiKey, request: Request) -> None:
    """Refuse a key that is used from elsewhere than it may be."""
    if not key.allowed_networks:
        return
    address = client_address(
        request.META.get("REMOTE_ADDR") or "",
        request.META.get("HTTP_X_FORWARDED_FOR", ""),
        settings.TRUSTED_PROXIES,
    )
    if not is_within(address, map(ip_network, key.allowed_networks)):
        msg = (
            "This key may not be used from your network address; "
            "ask an operator to allow it."
        )
        raise PermissionRefused(msg)


def project_of(request: Request) -> Project:
    """Return the project that asks."""
    return cast("ApiKey", request.auth).project


class KeyScheme(ProjectKeyScheme):  # type: ignore[no-untyped-call]
    """The same places; they are described with the routes of inference."""

    target_class = "gateway.key_authentication.KeyAuthentication"

    def get_security_definition(self, auto_schema: AutoSchema) -> list[dict[str, Any]]:
        return []
