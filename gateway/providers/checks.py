"""Whether providers answer: asked with their own key, and what came of it kept."""

import asyncio
import contextlib
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum

from django.db import connection
from django.db.models import F, Max, Q
from django.utils import timezone
from yarl import URL

from catalog.models import Credential, Endpoint, Provider, ProviderCheck
from gateway.configuration.alias_loading import read_credentials
from gateway.configuration.provider_records import provider_records
from gateway.configuration.records import CredentialRecord, ProviderRecord
from gateway.providers.health_addresses import health_address
from gateway.providers.health_requests import Reply, ask
from tenants.encryption import Unsealable

KEPT = timedelta(days=7)
_JITTER_S = 5.0
_TOTAL_S = 40.0
_PRIVATE_AT_ONCE = 200
_AT_ONCE = 20
# Beat may run twice, and a worker may be late.
_NOT_SOONER = timedelta(seconds=20)
_LOCK = "gateway.providers.checks"


class Standing(StrEnum):
    OFF = "off"
    MISSING = "missing"
    CONFIGURED = "configured"
    OK = "ok"
    FAILING = "failing"


@dataclass(frozen=True, slots=True)
class Probe:
    """A provider and what to ask it; without an address there is nothing to ask."""

    provider: ProviderRecord
    credential: CredentialRecord | None
    address: URL | None
    standing: Standing
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """How a provider stands; `reply` is there when it was asked."""

    probe: Probe
    reply: Reply | None = None

    @property
    def standing(self) -> Standing:
        if self.reply is None:
            return self.probe.standing
        return Standing.OK if self.reply.is_ok else Standing.FAILING

    @property
    def detail(self) -> str:
        if self.reply is None:
            return self.probe.hint
        if self.reply.is_ok:
            return f"{self.reply.latency_ms} ms"
        return self.reply.message


def check_all() -> list[Finding]:
    """Ask every provider that has a key, now; return how each of all stands."""
    found = _asked(read_probes(), jitter_s=0.0)
    store(found)
    return found


def check_due() -> int:
    """Ask those that were not asked just now, unless somebody else is doing so."""
    with _alone() as is_alone:
        if not is_alone:
            return 0
        recent = set(
            ProviderCheck.objects.filter(
                checked_at__gt=timezone.now() - _NOT_SOONER
            ).values_list("provider_id", flat=True)
        )
        due = [probe for probe in read_probes() if probe.provider.id not in recent]
        stored = store(_asked(due, jitter_s=_JITTER_S))
        trim()
        return stored


def check_provider(provider: Provider) -> Finding:
    """Ask one provider, now, and keep what came of it."""
    found = _asked(_probes([provider]), jitter_s=0.0)
    store(found)
    return found[0]


def check_credential(credential: Credential) -> Finding:
    """Ask the credential's provider with it, be it in use or not; nothing is kept."""
    row = credential.provider
    endpoints = Endpoint.objects.filter(active=True, provider=row)
    record = provider_records([row], endpoints.order_by("priority", "id"), {})[row.pk]
    wanted = row.health_check
    if credential.base_url:
        own = credential.base_url.rstrip("/")
        record = replace(record, base_url=own, allow_private_addresses=False)
        # What is good at an address of its own is presented nowhere else.
        wanted = "" if wanted.startswith("https://") else wanted
    try:
        secret = credential.reveal()
    except Unsealable:
        secret = None
    if secret is None:
        hint = f"set {credential.env_name}" if credential.env_name else "no value opens"
        return Finding(Probe(record, None, None, Standing.MISSING, hint))
    address = health_address(record, wanted)
    hint = "" if address is not None else "it has nothing to ask that is free"
    presented = CredentialRecord(credential.pk, secret)
    probe = Probe(record, presented, address, Standing.CONFIGURED, hint)
    return _asked([probe], jitter_s=0.0)[0]


def read_probes() -> list[Probe]:
    """Read from the database what to ask each provider.

    Of those private to a project, the ones whose turn it is: there may be very many.
    """
    private = Provider.objects.filter(project__isnull=False, active=True)
    longest_ago = F("last_check").asc(nulls_first=True)
    rows = [
        *Provider.objects.filter(project=None),
        *private.annotate(last_check=Max("checks__checked_at")).order_by(longest_ago)[
            :_PRIVATE_AT_ONCE
        ],
    ]
    return _probes(rows)


def _probes(rows: list[Provider]) -> list[Probe]:
    endpoints = Endpoint.objects.filter(active=True, provider__in=rows)
    endpoints = endpoints.order_by("priority", "id")
    credentials = read_credentials(Q(project=None) | Q(project=F("provider__project")))
    records = provider_records(rows, endpoints, {})
    probes = []
    for row in rows:
        found = credentials.get(row.project_id, {}).get(row.pk)
        found = found or credentials.get(None, {}).get(row.pk)
        probes.append(_probe(row, records[row.pk], found[0] if found else None))
    return probes


def store(findings: Iterable[Finding]) -> int:
    """Keep what came of asking; return of how many providers."""
    rows = [
        ProviderCheck(
            provider_id=finding.probe.provider.id,
            status=finding.standing.value,
            http_status=finding.reply.status,
            latency_ms=finding.reply.latency_ms,
            message=finding.reply.message,
        )
        for finding in findings
        if finding.reply is not None
    ]
    # One that was deleted in the meantime is left out.
    there = set(Provider.objects.values_list("pk", flat=True))
    rows = [row for row in rows if row.provider_id in there]
    ProviderCheck.objects.bulk_create(rows)
    return len(rows)


def trim() -> int:
    """Delete checks older than KEPT and return how many; the newest of each stay."""
    deleted, _ = (
        ProviderCheck.objects.filter(checked_at__lt=timezone.now() - KEPT)
        .exclude(pk__in=ProviderCheck.objects.latest_of_each().values("pk"))
        .delete()
    )
    return deleted


def _probe(
    row: Provider, provider: ProviderRecord, credential: CredentialRecord | None
) -> Probe:
    if not row.active:
        return Probe(provider, None, None, Standing.OFF)
    if provider.auth_kind != "none" and credential is None:
        return Probe(provider, None, None, Standing.MISSING, _what_is_missing(row))
    address = health_address(provider, row.health_check)
    hint = "" if address is not None else "it has nothing to ask that is free"
    return Probe(provider, credential, address, Standing.CONFIGURED, hint)


def _what_is_missing(row: Provider) -> str:
    owners = Q(project=None) | Q(project=row.project_id)
    credential = (
        row.credentials.filter(owners, active=True, end_user=None)
        .order_by("name")
        .first()
    )
    if credential is None:
        return "add a credential in the admin"
    if credential.quarantined_at is not None:
        return "its credential is in quarantine"
    if credential.env_name:
        return f"set {credential.env_name}"
    return "its credential does not open; the log says why"


def _asked(probes: Iterable[Probe], *, jitter_s: float) -> list[Finding]:
    return asyncio.run(_ask_all(list(probes), jitter_s, _TOTAL_S))


async def _ask_all(
    probes: list[Probe], jitter_s: float, total_s: float
) -> list[Finding]:
    """Ask many at once; who had no turn before the time is over is left out."""
    found: dict[int, Finding] = {}
    places = asyncio.Semaphore(_AT_ONCE)

    async def one(probe: Probe, address: URL) -> None:
        await asyncio.sleep(random.uniform(0, jitter_s))  # noqa: S311
        async with places:
            reply = await ask(probe.provider, probe.credential, address)
        found[probe.provider.id] = Finding(probe, reply)

    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(total_s):
            await asyncio.gather(
                *(one(p, p.address) for p in probes if p.address is not None)
            )
    return [found.get(probe.provider.id, Finding(probe)) for probe in probes]


@contextlib.contextmanager
def _alone() -> Iterator[bool]:
    """Say whether nobody else is in here; the lock ends with the process."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [_LOCK])
        row = cursor.fetchone()
        is_alone = bool(row and row[0])
        try:
            yield is_alone
        finally:
            if is_alone:
                cursor.execute(
                    "SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [_LOCK]
                )
