"""A target: a candidate ready to be asked, address and credential included."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from aiohttp import ClientTimeout
from yarl import URL

from catalog.patterns import build_path
from gateway.candidates import Candidate
from gateway.configuration.derived import Derived
from gateway.configuration.records import CredentialRecord, EndpointRecord, ModelRecord
from gateway.protocols import ADAPTERS
from gateway.types import PLAIN, Quirks, Variant
from gateway.upstream.authorizers import Authorizer, authorizer_for
from gateway.upstream.errors import UpstreamError
from gateway.upstream.redaction import redacted

# What providers call an error; anything else is no code.
_CODE = re.compile(r"[A-Za-z0-9_.:-]{1,64}")


@dataclass(frozen=True, slots=True)
class Target:
    """One model at one endpoint with one credential."""

    model: ModelRecord
    endpoint: EndpointRecord
    credential: CredentialRecord | None
    handler: str
    method: str
    url: URL = field(repr=False)
    # Request line and headers, but for what describes the body and ends them.
    head: bytes = field(repr=False)
    # The same for streams, which some protocols serve at a path of their own.
    stream_url: URL = field(repr=False)
    stream_head: bytes = field(repr=False)
    quirks: Quirks
    # Who signs each call anew; None where the head says it all.
    authorizer: Authorizer | None = field(repr=False)
    # What the provider calls the model here.
    model_id: str
    allow_private_addresses: bool
    timeout: ClientTimeout
    first_byte_s: float
    idle_s: float
    total_s: float

    def redacted(self, text: str) -> str:
        """Return the provider's words without our credential."""
        credential = self.credential
        if credential is None or credential.secret is None:
            return redacted(text)
        return redacted(text, credential.secret.reveal())

    def clean(self, error: UpstreamError) -> None:
        """Take our credential out of all that the provider said of an error.

        Its code and the name of a parameter are words of its own as well.
        """
        error.message = self.redacted(error.message)
        if error.param is not None:
            error.param = self.redacted(error.param)
        code = self.redacted(error.upstream_code)
        error.upstream_code = code if _CODE.fullmatch(code) else ""


_targets: Derived[tuple[int, int, int | None, Variant], Target] = Derived(2_500)

# How a request is framed is not for configuration to say.
_OURS = frozenset(
    {
        "host",
        "connection",
        "content-length",
        "content-type",
        "transfer-encoding",
        "expect",
        "upgrade",
        "te",
        "trailer",
        "x-client-request-id",
    }
)


def target_for(candidate: Candidate, variant: Variant = PLAIN) -> Target:
    """Return the target of a candidate, put together once per configuration."""
    model, endpoint, credential = (
        candidate.model,
        candidate.endpoint,
        candidate.credential,
    )
    # Records are built anew when the configuration changes, so identity is enough; the
    # target keeps them alive, so an id cannot be taken by another.
    key = (id(model), id(endpoint), id(credential), variant)
    target = _targets.get(key)
    if target is None:
        target = build_target(model, endpoint, credential, variant)
        _targets.put(key, target)
    return target


def build_target(
    model: ModelRecord,
    endpoint: EndpointRecord,
    credential: CredentialRecord | None,
    variant: Variant = PLAIN,
) -> Target:
    """Put together what a call needs; it is the same for every such request."""
    provider = model.provider
    adapter = ADAPTERS[endpoint.handler]
    base_url, model_id, fixed = provider.base_url, model.model_id, provider.headers
    if credential is not None:
        model_id = credential.deployments.get(model_id, model_id)
        if credential.base_url:
            # What the operator set up for the provider is not for somebody else to see.
            base_url, fixed = credential.base_url, ()
    path = variant.path or build_path(
        endpoint.pattern,
        model=model_id,
        deployment=model_id,
        voice=variant.voice or model_id,
    )
    query = variant.query
    headers = {
        "accept": "*/*",
        "user-agent": "signalbox",
        **adapter.HEADERS,
        **{name.lower(): value for name, value in fixed if name.lower() not in _OURS},
        "accept-encoding": "identity",
        **dict(variant.headers),
    }
    if credential is not None and credential.secret is not None:
        secret = credential.secret.reveal()
        match provider.auth_kind:
            case "bearer":
                headers["authorization"] = f"Bearer {secret}"
            case "header":
                headers[provider.auth_name.lower()] = secret
            case "query":
                key = f"{provider.auth_name}={quote(secret, safe='')}"
                query = f"{query}&{key}" if query else key
    timeouts = provider.timeouts
    address = _address(base_url, path, query)
    stream_address = _address(base_url, adapter.stream_path(path), query)
    return Target(
        model=model,
        endpoint=endpoint,
        credential=credential,
        handler=endpoint.handler,
        url=address,
        method=variant.method,
        head=_head(variant.method, address, headers),
        stream_url=stream_address,
        stream_head=_head(variant.method, stream_address, headers),
        quirks=Quirks(
            provider.drop_params, provider.rename_params, provider.add_params
        ),
        authorizer=authorizer_for(provider, credential),
        model_id=model_id,
        allow_private_addresses=provider.allow_private_addresses
        and base_url == provider.base_url,
        # How long anything else may take, the transport watches over itself.
        timeout=ClientTimeout(
            total=None, connect=None, sock_connect=timeouts.connect_s, sock_read=None
        ),
        first_byte_s=timeouts.first_byte_s,
        idle_s=timeouts.idle_s,
        total_s=timeouts.total_s,
    )


def _address(base_url: str, path: str, query: str) -> URL:
    url = base_url + path
    if query:
        url += ("&" if "?" in path else "?") + query
    return URL(url, encoded=True)


def _head(method: str, address: URL, headers: Mapping[str, str]) -> bytes:
    lines = [
        f"{method} {address.raw_path_qs} HTTP/1.1",
        f"host: {address.host_port_subcomponent}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    # What would end a header early is taken out.
    written = [
        line.encode("latin-1", "replace").translate(None, b"\r\n\0") for line in lines
    ]
    return b"\r\n".join(written) + b"\r\n"
