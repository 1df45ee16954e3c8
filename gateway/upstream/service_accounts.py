"""Access tokens of Google service accounts: asked for with a signed claim, kept a while."""

import asyncio
import base64
import json
import time
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from yarl import URL

from gateway.upstream.addresses import resolver_for, sockets_for
from gateway.upstream.errors import (
    UpstreamAccountError,
    UpstreamError,
    UpstreamUnreachable,
)
from tenants.addresses import AddressRefused, check_literal

_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_TOKEN_URI = "https://oauth2.googleapis.com/token"  # noqa: S105
_CLAIM_S = 3600
_LIFE_S = 3600.0
# A token is replaced this long before it ends, and not presented in its last seconds.
_AHEAD_S = 300.0
_LAST_S = 15.0
# How long to leave the token endpoint alone after it failed.
_PAUSE_S = 10.0
_TIMEOUT_S = 15.0
_MAX_ANSWER_BYTES = 64 * 1024


class ServiceAccount:
    """Presents an access token; however many ask for one, it is fetched once."""

    def __init__(self, secret: str, *, allow_private: bool) -> None:
        self._account = _account_of(secret)
        self._allow_private = allow_private
        self._token = ""
        # By the monotonic clock.
        self._renew_at = 0.0
        self._ends_at = 0.0
        self._fetching: asyncio.Task[None] | None = None

    async def headers(
        self, method: str, url: URL, body: bytes, content_type: bytes
    ) -> bytes:
        """Return the header line with a token that is valid.

        Raises `UpstreamError` when there is none and none can be had.
        """
        if time.monotonic() >= self._renew_at:
            try:
                await self._renewed()
            except UpstreamError:
                if time.monotonic() >= self._ends_at:
                    raise
                self._renew_at = time.monotonic() + _PAUSE_S
        return b"authorization: Bearer %b\r\n" % self._token.encode()

    async def _renewed(self) -> None:
        if self._fetching is None or self._fetching.done():
            self._fetching = asyncio.create_task(self._fetch())
            self._fetching.add_done_callback(_notice)
        # Whoever gives up waiting leaves the others their token.
        await asyncio.shield(self._fetching)

    async def _fetch(self) -> None:
        if self._account is None:
            msg = "The credential is no service account: store its JSON key file."
            raise UpstreamAccountError(msg)
        address = self._account["token_uri"]
        form = {"grant_type": _GRANT, "assertion": _assertion(self._account)}
        connector = aiohttp.TCPConnector(
            resolver=resolver_for(allow_private=self._allow_private),
            socket_factory=sockets_for(allow_private=self._allow_private),
        )
        try:
            if not self._allow_private:
                check_literal(urlsplit(address).hostname or "")
            async with (
                aiohttp.ClientSession(
                    connector=connector,
                    timeout=aiohttp.ClientTimeout(total=_TIMEOUT_S),
                    trust_env=False,
                ) as session,
                session.post(address, data=form, allow_redirects=False) as response,
            ):
                self._take(response.status, await _beginning(response))
        except (aiohttp.ClientError, AddressRefused, OSError, TimeoutError) as error:
            msg = "The token endpoint of the service account cannot be reached."
            raise UpstreamUnreachable(msg) from error
        except ValueError as error:
            msg = "The token endpoint of the service account has no proper address."
            raise UpstreamAccountError(msg) from error
        finally:
            await connector.close()

    def _take(self, status: int, answer: bytes) -> None:
        tree = _object_of(answer)
        if status != 200:
            msg = f"The token endpoint answered with HTTP {status}{_reason_of(tree)}."
            kind = UpstreamAccountError if 400 <= status < 500 else UpstreamUnreachable
            raise kind(msg, status=status)
        token, life = tree.get("access_token"), tree.get("expires_in", _LIFE_S)
        if (
            not isinstance(token, str)
            or not token
            or not (token.isascii() and token.isprintable())
        ):
            msg = "The token endpoint answered without a token."
            raise UpstreamAccountError(msg, status=status)
        if isinstance(life, bool) or not isinstance(life, int | float):
            life = _LIFE_S
        now = time.monotonic()
        self._token = token
        self._ends_at = now + max(0.0, life - _LAST_S)
        self._renew_at = now + max(0.0, life - max(_AHEAD_S, _LAST_S))


def _notice(fetching: asyncio.Task[None]) -> None:
    """Read how it ended, for those who asked may all have gone."""
    if not fetching.cancelled():
        fetching.exception()


async def _beginning(response: aiohttp.ClientResponse) -> bytes:
    answer = b""
    async for piece in response.content.iter_any():
        answer += piece
        if len(answer) > _MAX_ANSWER_BYTES:
            break
    return answer


def _assertion(account: dict[str, Any]) -> str:
    """Return the signed claim to be this account, good for an hour."""
    now = int(time.time())
    head = {"alg": "RS256", "typ": "JWT", "kid": account["private_key_id"]}
    claims = {
        "iss": account["client_email"],
        "scope": _SCOPE,
        "aud": account["token_uri"],
        "iat": now,
        "exp": now + _CLAIM_S,
    }
    said = b".".join(_encoded(json.dumps(part).encode()) for part in (head, claims))
    key: RSAPrivateKey = account["private_key"]
    signature = key.sign(said, PKCS1v15(), SHA256())
    return (said + b"." + _encoded(signature)).decode()


def _encoded(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def _account_of(secret: str) -> dict[str, Any] | None:
    """Read a key file, the private key ready to sign; None when it is none."""
    tree = _object_of(secret.encode("utf-8", "replace"))
    if not all(
        isinstance(tree.get(name), str) and tree[name]
        for name in ("client_email", "private_key")
    ):
        return None
    try:
        key = load_pem_private_key(tree["private_key"].encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    if not isinstance(key, RSAPrivateKey):
        return None
    told = tree.get("token_uri")
    return {
        "client_email": tree["client_email"],
        "private_key": key,
        "private_key_id": str(tree.get("private_key_id", "")),
        "token_uri": told if isinstance(told, str) and told else _TOKEN_URI,
    }


def _object_of(text: bytes) -> dict[str, Any]:
    try:
        tree = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return tree if isinstance(tree, dict) else {}


def _reason_of(tree: dict[str, Any]) -> str:
    reason = tree.get("error")
    if isinstance(reason, str) and reason.isprintable():
        return f", {reason[:100]}"
    return ""
