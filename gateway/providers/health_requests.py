"""One free request to a provider: bounded in time, its answer told without secrets."""

import asyncio
import json
import re
import time
from dataclasses import dataclass

import aiohttp
from yarl import URL

from gateway.configuration.records import CredentialRecord, ProviderRecord
from gateway.protocols import ADAPTERS
from gateway.upstream.addresses import resolver_for, sockets_for
from gateway.upstream.authorizers import authorizer_for
from gateway.upstream.errors import UpstreamError
from gateway.upstream.redaction import redacted
from tenants.addresses import AddressRefused, check_literal

TIMEOUT_S = 5.0
_MAX_ANSWER_BYTES = 4096
_MAX_WORDS = 200
_SHORTEST_SECRET = 6
_PARTS = re.compile(r"[^\s\"{}:,\\]+")


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back; `status` is None when nothing did."""

    is_ok: bool
    status: int | None
    latency_ms: int
    message: str = ""


async def ask(
    provider: ProviderRecord, credential: CredentialRecord | None, address: URL
) -> Reply:
    """Ask, and never raise for what the provider does."""
    secret = ""
    if credential is not None and credential.secret is not None:
        secret = credential.secret.reveal()
    began = time.monotonic()
    status: int | None = None
    try:
        async with asyncio.timeout(TIMEOUT_S):
            status, words = await _get(provider, credential, secret, address)
    except (TimeoutError, aiohttp.ServerTimeoutError):
        words = f"no answer within {TIMEOUT_S:g} s"
    except (AddressRefused, UpstreamError) as error:
        words = str(error)
    except aiohttp.ClientConnectorError as error:
        words = _reason(error)
    except (aiohttp.ClientError, OSError) as error:
        words = f"the connection failed ({type(error).__name__})"
    except (ValueError, UnicodeError):
        words = "base URL or key cannot be sent"
    latency_ms = round((time.monotonic() - began) * 1000)
    is_ok = status is not None and 200 <= status < 300
    message = "" if is_ok else _clean(words, secret)
    return Reply(is_ok, status, latency_ms, message)


async def _get(
    provider: ProviderRecord,
    credential: CredentialRecord | None,
    secret: str,
    address: URL,
) -> tuple[int, str]:
    """Return the status, and for an error what the provider says about it."""
    allow_private = provider.allow_private_addresses
    if not allow_private:
        check_literal(address.host or "")
    headers = {"user-agent": "signalbox", "accept": "application/json"}
    headers |= _protocol_headers(provider)
    headers |= {name.lower(): value for name, value in provider.headers}
    match provider.auth_kind:
        case "bearer":
            headers["authorization"] = f"Bearer {secret}"
        case "header":
            headers[provider.auth_name.lower()] = secret
        case "query":
            address = address.update_query({provider.auth_name: secret})
    if (authorizer := authorizer_for(provider, credential)) is not None:
        lines = await authorizer.headers("GET", address, b"", b"")
        for line in lines.decode("latin-1").splitlines():
            name, _, value = line.partition(": ")
            headers[name] = value
    connector = aiohttp.TCPConnector(
        resolver=resolver_for(allow_private=allow_private),
        socket_factory=sockets_for(allow_private=allow_private),
        force_close=True,
    )
    async with (
        aiohttp.ClientSession(connector=connector, trust_env=False) as session,
        session.get(address, headers=headers, allow_redirects=False) as response,
    ):
        if response.ok and response.status < 300:
            return response.status, ""
        answer = await response.content.read(_MAX_ANSWER_BYTES)
        return response.status, _words(provider, response.status, answer)


def _protocol_headers(provider: ProviderRecord) -> dict[str, str]:
    """Return the headers without which the protocol's provider refuses a request."""
    for endpoints in provider.endpoints.values():
        for endpoint in endpoints:
            return dict(ADAPTERS[endpoint.handler].HEADERS)
    return {}


def _words(provider: ProviderRecord, status: int, answer: bytes) -> str:
    told = f"HTTP {status}"
    if status in {401, 403}:
        # Its own words may hold parts of the key.
        return f"the key is refused ({told})"
    if 300 <= status < 400 or not answer.strip():
        return told
    for endpoints in provider.endpoints.values():
        for endpoint in endpoints:
            fault = ADAPTERS[endpoint.handler].error_code(answer)
            return f"{told}: {fault.message}"
    return told


def _reason(error: aiohttp.ClientConnectorError) -> str:
    """Say in words why there is no connection."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return "its certificate is not valid"
    if isinstance(error.__cause__, AddressRefused):
        return str(error.__cause__)
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "its name cannot be resolved"
    return "it cannot be connected to"


def _clean(words: str, secret: str) -> str:
    """Return the words on one line, without the credential or any part of it."""
    for part in sorted(_secret_parts(secret), key=len, reverse=True):
        words = words.replace(part, "[redacted]")
    line = " ".join(redacted(words).split())
    return "".join(c for c in line if c.isprintable())[:_MAX_WORDS]


def _secret_parts(secret: str) -> set[str]:
    """Return the values that a credential is made of; some are several in JSON."""
    found = {secret, *_PARTS.findall(secret)}
    try:
        tree = json.loads(secret)
    except ValueError:
        tree = None
    if isinstance(tree, dict):
        found |= {value for value in tree.values() if isinstance(value, str)}
    return {part for part in found if len(part) >= _SHORTEST_SECRET}
