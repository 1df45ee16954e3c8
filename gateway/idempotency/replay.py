"""An answer that was given before, given once more: the same bytes, and no new cost."""

import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal

import msgspec
from uuid_utils import uuid7

from gateway.admission import admit, limit_head
from gateway.callers import note_caller
from gateway.configuration.records import KeyRecord
from gateway.idempotency.kept import Kept
from gateway.refusals import Overloaded, PermissionRefused, Refusal
from gateway.replies import EdgeReply
from gateway.serve import Gateway
from gateway.types import Attribution, InferenceRequest
from usage.records import EventRecord
from usage.spool import SpoolFull


async def replayed(
    kept: Kept, key: KeyRecord, request_id: str, gateway: Gateway, began: float
) -> EdgeReply:
    """Return the answer for another request. Raises a `Refusal` as for a new one."""
    event = kept.event
    if key.scopes and event.operation not in key.scopes:
        msg = f"This key may not be used for {event.operation}."
        raise PermissionRefused(msg)
    version = gateway.snapshot.version
    asked = InferenceRequest(
        event.operation, event.dialect, _name_of(event, key), {}, 0
    )
    asked.attribution = Attribution(end_user=event.end_user)
    await note_caller(asked, key, gateway.snapshot)
    grant = await admit(asked, key, request_id, 0, gateway.limiter, event.alias)
    grant.release(0)
    overhead_ms = round((time.monotonic() - began) * 1000, 3)
    _record(
        msgspec.structs.replace(
            _unused(event),
            request_id=request_id,
            api_key_id=key.pk,
            http_status=kept.status,
            latency_ms=overhead_ms,
            overhead_ms=overhead_ms,
            config_version=version,
        ),
        gateway,
    )
    head = b"".join([line + b"\r\n" for line in kept.head]) + (
        b"x-request-id: %b\r\n"
        b"x-signalbox-attempts: 0\r\n"
        b"x-signalbox-fallback: false\r\n"
        b"x-signalbox-cache: hit\r\n"
        b"x-signalbox-config-version: %d\r\n"
        b"x-signalbox-overhead-ms: %.3f\r\n"
        b"idempotent-replayed: true\r\n"
        b"%b"
    ) % (request_id.encode(), version, overhead_ms, limit_head(grant.verdict))
    if kept.is_stream:
        stream = KeptStream(kept.body)
        return EdgeReply(kept.status, head, stream=stream, overhead_ms=overhead_ms)
    head += b"x-signalbox-cost-usd: 0\r\ncontent-length: %d\r\n" % len(kept.body)
    return EdgeReply(kept.status, head, kept.body, overhead_ms=overhead_ms)


def _name_of(event: EventRecord, key: KeyRecord) -> str:
    """Return what the request named; of a model's two names the one the key may name."""
    if event.alias or event.model in key.aliases:
        return event.alias or event.model
    return f"{event.provider}/{event.model}"


class KeptStream:
    """The events of a stream that is there already, all of them at once."""

    keepalive = b""

    def __init__(self, events: bytes) -> None:
        self._events = events

    async def events(self) -> AsyncIterator[bytes]:
        yield self._events

    def break_off(self, _refusal: Refusal) -> bytes:
        return b""

    def close(self) -> None:
        """Nothing is held."""


def _unused(event: EventRecord) -> EventRecord:
    """Return the event of an answer that uses nothing, as one from the cache does."""
    return msgspec.structs.replace(
        event,
        id=str(uuid7()),
        occurred_at=datetime.now(UTC),
        kind="cache_hit",
        attempt=0,
        status="ok",
        input_tokens=0,
        other_usage={},
        estimated=False,
        cost_usd=Decimal(0),
        price_ids=(),
        cache="hit",
        fallback=False,
        routing={"replay_of": event.request_id},
    )


def _record(event: EventRecord, gateway: Gateway) -> None:
    try:
        gateway.sink.record(event)
    except SpoolFull as error:
        msg = "The gateway cannot record usage at the moment; try again shortly."
        raise Overloaded(msg, headers={"retry-after": "5"}) from error
