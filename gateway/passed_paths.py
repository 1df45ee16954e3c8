"""Which endpoint a provider's own path belongs to, and what of a call is meant for it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote

from catalog.patterns import path_of
from gateway.authentication import KEY_HEADERS
from gateway.configuration.records import EndpointRecord, ProviderRecord
from gateway.protocols import ADAPTERS
from gateway.refusals import RouteNotFound

# What a client says to us, or about its own connection.
_OURS = frozenset(
    {
        *KEY_HEADERS,
        b"authorization",
        b"proxy-authorization",
        b"cookie",
        b"host",
        b"connection",
        b"keep-alive",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"expect",
        b"content-length",
        b"content-type",
        b"accept-encoding",
        b"forwarded",
        b"via",
        b"x-real-ip",
        b"x-project-id",
        b"x-client-request-id",
        # Projects may choose the same, and a provider knows them all as one client.
        b"idempotency-key",
    }
)
_OUR_PREFIXES = (b"x-signalbox-", b"x-forwarded-")
_PLACEHOLDER = re.compile(r"\\\{(model|deployment|voice)\\\}")


@dataclass(frozen=True, slots=True)
class Found:
    """The endpoint that a path belongs to, and the model that the path names."""

    endpoint: EndpointRecord
    model_id: str


def find_endpoint(provider: ProviderRecord, path: str) -> Found:
    """Return the endpoint whose pattern the path matches. Raises `RouteNotFound`.

    `path` is as it came over the wire, without the query.
    """
    for endpoints in provider.endpoints.values():
        for endpoint in endpoints:
            for pattern in _patterns(endpoint.pattern, endpoint.handler):
                if (match := pattern.fullmatch(path)) is None:
                    continue
                names = {n: unquote(value) for n, value in match.groupdict().items()}
                if all(map(_is_plain, names.values())):
                    model_id = names.get("model") or names.get("deployment") or ""
                    return Found(endpoint, model_id)
    known = sorted({e.pattern for es in provider.endpoints.values() for e in es})
    msg = f"{provider.slug} has no endpoint at {path[:200]}; there are {', '.join(known)}."
    raise RouteNotFound(msg)


@lru_cache(maxsize=1024)
def _patterns(pattern: str, handler: str) -> tuple[re.Pattern[str], ...]:
    """Return what the paths of an endpoint look like, that of its streams included."""
    whole = path_of(pattern)
    paths = {whole, path_of(ADAPTERS[handler].stream_path(whole))}
    return tuple(
        re.compile(_PLACEHOLDER.sub(r"(?P<\1>[^/]+)", re.escape(path)))
        for path in sorted(paths)
    )


def _is_plain(name: str) -> bool:
    """Say whether a name out of a path leads nowhere else."""
    return all(part not in {"", ".", ".."} for part in name.split("/")) and (
        name.isprintable()
    )


def passed_headers(headers: Mapping[bytes, bytes]) -> tuple[tuple[str, str], ...]:
    """Return the client's headers that are meant for the provider."""
    return tuple(
        (name.decode("latin-1"), value.decode("latin-1"))
        for name, value in headers.items()
        if name not in _OURS and not name.startswith(_OUR_PREFIXES)
    )
