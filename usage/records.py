"""The usage event as it is spooled: one JSON object, the columns of its table."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec


class EventRecord(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False
):
    """A usage event on its way to the database.

    The intent of an attempt is the event that stands when nobody settles it: status
    `unsettled`, figures estimated. The settlement has the same id and moment.

    Defaults are not written to the spool and are filled in on the way to the table, so
    that a spool outlives an upgrade: a new field needs a default, and a default stays.
    The id stays first, where the spool looks for it. Ids are UUIDs, written out.
    """

    id: str
    occurred_at: datetime
    kind: str = "attempt"
    request_id: str
    attempt: int = 1
    organization_id: int
    project_id: int
    api_key_id: int | None
    end_user: str = ""
    feature: str = ""
    feature_id: str = ""
    tags: tuple[str, ...] = ()
    operation: str
    dialect: str
    alias: str = ""
    provider: str
    model: str
    reported_model: str = ""
    streamed: bool = False
    status: str = "unsettled"
    http_status: int | None = None
    error_code: str = ""
    input_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    other_usage: dict[str, int] = {}
    estimated: bool = True
    cost_usd: Decimal | None = None
    reported_cost_usd: Decimal | None = None
    price_ids: tuple[int, ...] = ()
    latency_ms: float = 0
    first_token_ms: float | None = None
    overhead_ms: float | None = None
    cache: str = ""
    fallback: bool = False
    strategy: str = ""
    routing: dict[str, Any] = {}
    config_version: int = 0
    saved_usd: Decimal | None = None
    own_credential: bool = False
    finish_reason: str = ""


class Settlement(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False
):
    """What became of an attempt: the fields of its event that its intent could not know.

    What an intent estimates has no default here, so that it is always written.
    """

    status: str
    http_status: int | None = None
    error_code: str = ""
    reported_model: str = ""
    input_tokens: int
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    other_usage: dict[str, int]
    estimated: bool
    cost_usd: Decimal | None
    reported_cost_usd: Decimal | None = None
    price_ids: tuple[int, ...]
    latency_ms: float = 0
    first_token_ms: float | None = None
    finish_reason: str = ""


_encoder = msgspec.json.Encoder(decimal_format="string")
encode: Callable[[EventRecord], bytes] = _encoder.encode
decode = msgspec.json.Decoder(EventRecord).decode


def settled(intent: bytes, settlement: Settlement) -> bytes:
    """Return the event of an intent with its settlement put over it, both as JSON.

    A field of both stands twice; its last value is the one that counts, for PostgreSQL's
    jsonb as well as for `decode`.
    """
    return intent[:-1] + b"," + _encoder.encode(settlement)[1:]


def encoded_defaults() -> bytes:
    """Return what the fields that a spooled line leaves out stand for, as JSON."""
    values: dict[str, Any] = {}
    for field in msgspec.structs.fields(EventRecord):
        if field.default is not msgspec.NODEFAULT:
            values[field.name] = field.default
        elif field.default_factory is not msgspec.NODEFAULT:
            values[field.name] = field.default_factory()
    return _encoder.encode(values)
