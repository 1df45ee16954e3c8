"""Whether providers answer, asked in a way that costs nothing: the list of models."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

import httpx

from catalog.models import Credential, Endpoint, Provider
from tenants.encryption import Secret, Unsealable

TIMEOUT_S = 5.0

_CHAT = "/chat/completions"
_UNAUTHORIZED = {401, 403}


class Standing(StrEnum):
    OFF = "off"
    MISSING = "missing"
    REACHABLE = "reachable"
    FAILING = "failing"


@dataclass(frozen=True, slots=True)
class Probe:
    """What to ask a provider. `standing` is set when there is nothing to ask."""

    provider: str
    key: str
    url: str = ""
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    params: dict[str, str] = field(default_factory=dict, repr=False)
    standing: Standing | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    provider: str
    key: str
    standing: Standing
    detail: str


def probes() -> list[Probe]:
    """Read from the database what to ask each provider."""
    credentials: dict[int, Credential] = {}
    for credential in Credential.objects.filter(
        project__isnull=True, active=True
    ).order_by("-name"):
        credentials[credential.provider_id] = credential
    patterns: dict[int, str] = {}
    for endpoint in Endpoint.objects.filter(active=True).order_by("-priority"):
        patterns[endpoint.provider_id] = endpoint.pattern
    return [
        _probe(provider, credentials.get(provider.pk), patterns.get(provider.pk, ""))
        for provider in Provider.objects.all()
    ]


def check(asked: Iterable[Probe]) -> list[Finding]:
    """Ask all at once; an answer that is late counts as none."""
    return asyncio.run(_check(list(asked)))


def _probe(provider: Provider, credential: Credential | None, pattern: str) -> Probe:
    needs_key = provider.auth != "none"
    name = credential.env_name if credential is not None else ""
    if not provider.active:
        return Probe(provider.slug, "", standing=Standing.OFF)
    secret: Secret | None = None
    if needs_key:
        try:
            secret = credential.reveal() if credential is not None else None
        except Unsealable as error:
            return Probe(
                provider.slug, "sealed", standing=Standing.FAILING, detail=str(error)
            )
        if secret is None:
            hint = f"set {name}" if name else "add a credential in the admin"
            return Probe(
                provider.slug, "missing", standing=Standing.MISSING, detail=hint
            )
    headers, params = _authorization(provider.auth, secret)
    return Probe(
        provider.slug,
        "configured" if needs_key else "not needed",
        url=provider.base_url.rstrip("/") + _models_path(pattern),
        headers={**provider.headers, **headers},
        params=params,
    )


def _models_path(pattern: str) -> str:
    if pattern.endswith(_CHAT):
        return f"{pattern.removesuffix(_CHAT)}/models"
    return "/v1/models"


def _authorization(
    auth: str, secret: Secret | None
) -> tuple[dict[str, str], dict[str, str]]:
    if secret is None:
        return {}, {}
    where, _, name = auth.partition(":")
    match where:
        case "bearer":
            return {"Authorization": f"Bearer {secret.reveal()}"}, {}
        case "header":
            return {name: secret.reveal()}, {}
        case "query":
            return {}, {name: secret.reveal()}
        case _:
            return {}, {}


async def _check(asked: list[Probe]) -> list[Finding]:
    async with httpx.AsyncClient(timeout=TIMEOUT_S, follow_redirects=False) as client:
        return list(await asyncio.gather(*(_ask(client, probe) for probe in asked)))


async def _ask(client: httpx.AsyncClient, probe: Probe) -> Finding:
    standing, detail = probe.standing, probe.detail
    if standing is None:
        try:
            async with asyncio.timeout(TIMEOUT_S):
                response = await client.get(
                    probe.url, headers=probe.headers, params=probe.params
                )
            standing, detail = _judge(response)
        except (TimeoutError, httpx.TimeoutException):
            standing, detail = Standing.FAILING, f"no answer within {TIMEOUT_S:g} s"
        except httpx.HTTPError as error:
            standing, detail = Standing.FAILING, type(error).__name__
        except (httpx.InvalidURL, UnicodeError, ValueError):
            standing, detail = Standing.FAILING, "base URL or key cannot be sent"
    return Finding(probe.provider, probe.key, standing, detail)


def _judge(response: httpx.Response) -> tuple[Standing, str]:
    milliseconds = f"{response.elapsed.total_seconds() * 1000:.0f} ms"
    if response.is_success:
        return Standing.REACHABLE, milliseconds
    if response.status_code in _UNAUTHORIZED:
        return Standing.FAILING, f"the key is refused (HTTP {response.status_code})"
    return Standing.FAILING, f"HTTP {response.status_code}"
