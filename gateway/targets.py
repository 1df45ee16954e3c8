"""A target: a candidate ready to be asked, address and credential included."""

from dataclasses import dataclass, field

from aiohttp import ClientTimeout
from multidict import CIMultiDict
from yarl import URL

from catalog.patterns import build_path
from gateway.candidates import Candidate
from gateway.records import CredentialRecord, EndpointRecord, ModelRecord
from gateway.types import Quirks


@dataclass(frozen=True, slots=True)
class Target:
    """One model at one endpoint with one credential."""

    model: ModelRecord
    endpoint: EndpointRecord
    credential: CredentialRecord | None
    handler: str
    url: URL = field(repr=False)
    headers: CIMultiDict[str] = field(repr=False)
    quirks: Quirks
    timeout: ClientTimeout
    idle_s: float
    total_s: float


_targets: dict[tuple[int, int, int | None], Target] = {}
_MAX_TARGETS = 5_000


def target_for(candidate: Candidate) -> Target:
    """Return the target of a candidate, put together once per configuration."""
    model, endpoint, credential = (
        candidate.model,
        candidate.endpoint,
        candidate.credential,
    )
    # Records are built anew when the configuration changes, so identity is enough; the
    # target keeps them alive, so an id cannot be taken by another.
    key = (id(model), id(endpoint), id(credential))
    target = _targets.get(key)
    if target is None:
        if len(_targets) >= _MAX_TARGETS:
            _targets.clear()
        target = build_target(model, endpoint, credential)
        _targets[key] = target
    return target


def build_target(
    model: ModelRecord, endpoint: EndpointRecord, credential: CredentialRecord | None
) -> Target:
    """Put together what a call needs; it is the same for every request."""
    provider = model.provider
    url = provider.base_url + build_path(
        endpoint.pattern, **dict.fromkeys(("model", "deployment", "voice"), model.model_id)
    )
    headers = CIMultiDict(provider.headers)
    headers.setdefault("Accept-Encoding", "identity")
    headers.setdefault("User-Agent", "signalbox")
    headers["Content-Type"] = "application/json"
    if credential is not None and credential.secret is not None:
        secret = credential.secret.reveal()
        match provider.auth_kind:
            case "bearer":
                headers["Authorization"] = f"Bearer {secret}"
            case "header":
                headers[provider.auth_name] = secret
            case "query":
                mark = "&" if "?" in url else "?"
                url = f"{url}{mark}{provider.auth_name}={secret}"
    timeouts = provider.timeouts
    return Target(
        model=model,
        endpoint=endpoint,
        credential=credential,
        handler=endpoint.handler,
        url=URL(url, encoded=True),
        headers=headers,
        quirks=Quirks(provider.drop_params, provider.rename_params),
        timeout=ClientTimeout(
            total=None,
            connect=timeouts.connect_s + 1,
            sock_connect=timeouts.connect_s,
            # Until the first byte; the transport then sets the time between bytes.
            sock_read=timeouts.first_byte_s,
        ),
        idle_s=timeouts.idle_s,
        total_s=timeouts.total_s,
    )
