"""Who is asking: the project key of a request, found and checked."""

import hmac
import math
import time
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qs

from django.conf import settings
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from gateway.asgi import Scope
from gateway.configuration.records import KeyRecord, Missing
from gateway.configuration.snapshot import ConfigurationUnavailable, Snapshot
from gateway.refusals import (
    InvalidKey,
    LimitExceeded,
    Overloaded,
    PermissionRefused,
    Refusal,
)
from tenants.failed_attempts import FAILED_KEYS, origin_of
from tenants.keys import digest_of, imported_id_of, key_id_in, key_id_of
from tenants.networks import client_address, is_within

_BEARER = b"bearer "
# Where the official clients of OpenAI, Anthropic, Azure, Google and ElevenLabs put it.
KEY_HEADERS = (b"x-api-key", b"api-key", b"x-goog-api-key", b"xi-api-key")

_OTHER_KEYS = frozenset(KEY_HEADERS)
_NAMED_ONCE = frozenset({b"authorization", b"x-project-id", *KEY_HEADERS})

_SEVERAL_KEYS = "The request presents several keys that differ; send one."
_NO_KEY = (
    "Send the project key as 'Authorization: Bearer sb_…' "
    "(x-api-key, api-key and x-goog-api-key work too)."
)
_BAD_KEY = (
    "This project key is not valid: it is mistyped, expired or revoked. "
    "Ask an operator for a new one."
)


def key_in(headers: Mapping[bytes, bytes], query: bytes) -> str:
    """Return the key that a request presents. Raises `InvalidKey`: none, or several."""
    found: list[bytes] = []
    authorization = headers.get(b"authorization")
    if authorization is not None and authorization[:7].lower() == _BEARER:
        found.append(authorization[7:].strip())
    if not _OTHER_KEYS.isdisjoint(headers):
        found += [headers[name].strip() for name in KEY_HEADERS if name in headers]
    if b"key=" in query:
        found.extend(
            value.encode() for value in parse_qs(query.decode("latin-1")).get("key", [])
        )
    if not found:
        raise InvalidKey(_NO_KEY)
    if len(found) > 1 and any(key != found[0] for key in found):
        raise InvalidKey(_SEVERAL_KEYS)
    return found[0].decode("latin-1")


def check_repeats(headers: Iterable[tuple[bytes, bytes]]) -> None:
    """Refuse a key, or a project, that is given twice with different values."""
    seen: dict[bytes, bytes] = {}
    for name, value in headers:
        if name in _NAMED_ONCE and seen.setdefault(name, value) != value:
            raise InvalidKey(_SEVERAL_KEYS)


async def authenticate(
    text: str, snapshot: Snapshot, scope: Scope, headers: Mapping[bytes, bytes]
) -> KeyRecord:
    """Return the record of a key that may be used now.

    Raises `InvalidKey`, and `LimitExceeded` where too many were not valid lately.
    """
    known = snapshot.known_key(key_id_in(text))
    was_known = known is not None
    if known is None:
        check_failures(_origin(scope, headers), text)
        known = await _look_up(text, snapshot)
    if known is None or isinstance(known, Missing):
        raise failed(_origin(scope, headers))
    if not hmac.compare_digest(known.digest, digest_of(text)):
        raise failed(_origin(scope, headers))
    if known.expires_at is not None and known.expires_at <= time.time():
        raise failed(_origin(scope, headers))
    if not was_known:
        FAILED_KEYS.recognize(known.digest)
    return known


def check_failures(origin: str, text: str) -> None:
    """Refuse to look a key up for whom presented too many that were not valid."""
    wait_s = FAILED_KEYS.wait_s(origin, digest_of(text))
    if wait_s > 0:
        raise _too_many(wait_s)


def failed(origin: str) -> Refusal:
    """Count a key that is not valid, and return what to say of it."""
    wait_s = FAILED_KEYS.wait_s(origin)
    FAILED_KEYS.note(origin)
    return _too_many(wait_s) if wait_s > 0 else InvalidKey(_BAD_KEY)


def _too_many(wait_s: float) -> Refusal:
    msg = (
        "Too many keys that are not valid came from your network address. "
        "Wait, and send a key that is."
    )
    return LimitExceeded(msg, headers={"retry-after": str(math.ceil(wait_s))})


def _origin(scope: Scope, headers: Mapping[bytes, bytes]) -> str:
    peer = scope.get("client")
    forwarded = headers.get(b"x-forwarded-for", b"")
    return origin_of(peer[0] if peer else "", forwarded.decode("latin-1"))


async def _look_up(text: str, snapshot: Snapshot) -> KeyRecord | Missing | None:
    """Find a key that is not in memory, or that is known by its digest alone."""
    key_id = key_id_of(text)
    if key_id is None:
        key_id = imported_id_of(text)
        if key_id is None:
            return None
        known = snapshot.known_key(key_id)
        if known is not None:
            return known
    try:
        return await snapshot.load_key(key_id)
    except ConfigurationUnavailable as error:
        msg = "The key cannot be checked at the moment; try again shortly."
        raise Overloaded(msg, headers={"retry-after": "2"}) from error


def check_network(
    key: KeyRecord, peer: tuple[str, int] | None, forwarded: bytes
) -> None:
    """Refuse a key that is used from elsewhere than it may be.

    `forwarded` is the header of proxies, which only those that are trusted may set.
    """
    address = client_address(
        peer[0] if peer else "", forwarded.decode("latin-1"), settings.TRUSTED_PROXIES
    )
    if not is_within(address, key.networks):
        msg = (
            "This key may not be used from your network address; "
            "ask an operator to allow it."
        )
        raise PermissionRefused(msg)


def check_project(key: KeyRecord, named: bytes | None) -> None:
    """Refuse a request that names another project than its key's."""
    if named is None:
        return
    project = key.project
    if named.decode("latin-1") not in {project.slug, str(project.id)}:
        msg = "The key does not belong to the project that x-project-id names."
        raise PermissionRefused(msg)


class ProjectKeyAuthentication(BaseAuthentication):
    """Hands the views what the edge found out before it read the body."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        key = getattr(request, "key", None)
        return None if key is None else (key.project, key)

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class HasProjectKey(BasePermission):
    """A project key whose scopes cover the view's operation."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        key = request.auth
        if not isinstance(key, KeyRecord):
            return False
        operation = getattr(view, "operation", "")
        if key.scopes and operation and operation not in key.scopes:
            msg = f"This key may not be used for {operation}."
            raise PermissionRefused(msg)
        return True
