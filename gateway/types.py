"""The gateway's own words, shared by dialects, adapters and the steps of a request."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from usage.tokens import Tokens

JSON = dict[str, Any]
JSON_TYPE = b"application/json"
NEVER = float("inf")


@dataclass(frozen=True, slots=True)
class PriceBound:
    """The most that a million tokens may cost, in USD; None: whatever they cost."""

    input: Decimal | None = None
    output: Decimal | None = None


@dataclass(frozen=True, slots=True)
class ProviderPreferences:
    """What a request says about providers, in its body's `provider` object."""

    order: tuple[str, ...] = ()
    only: frozenset[str] = frozenset()
    ignore: frozenset[str] = frozenset()
    allow_fallbacks: bool = True
    sort: str = ""
    region: str = ""
    strategy: str = ""
    capabilities: frozenset[str] = frozenset()
    max_price: PriceBound | None = None

    @property
    def has_rules(self) -> bool:
        """Whether any model could break what is said here."""
        return bool(self.only or self.ignore or self.region or self.capabilities)


@dataclass(frozen=True, slots=True)
class Attribution:
    """Who and what a request is for, as the project says."""

    end_user: str = ""
    feature: str = ""
    feature_id: str = ""
    tags: tuple[str, ...] = ()


class InferenceRequest(msgspec.Struct):
    """What a client asks for, whatever its dialect.

    `fields` are the top-level members of the body as they came, each value as JSON
    bytes, so that what the gateway does not know is forwarded untouched.
    `max_output_tokens` is None when the request sets no bound; `began` is on the
    monotonic clock. `canonical` is there once the request had to be translated.
    `forwarded` are headers for a provider that speaks the client's dialect.
    `units` counts what is priced by the piece (image, character, second, search) as the
    request shows it, for answers that do not say what they used.
    `patience_s` is how long the client waits for its answer, or for a stream to begin.
    """

    operation: str
    dialect: str
    model: str
    fields: dict[str, bytes]
    size: int
    stream: bool = False
    wants_usage: bool = False
    max_output_tokens: int | None = None
    models: tuple[str, ...] = ()
    preferences: ProviderPreferences = ProviderPreferences()
    attribution: Attribution = Attribution()
    began: float = msgspec.field(default_factory=time.monotonic)
    body: JSON = {}
    canonical: Any = None
    content: bytes = b""
    content_type: bytes = JSON_TYPE
    units: Mapping[str, int] = {}
    forwarded: tuple[tuple[str, str], ...] = ()
    effort: str = ""
    strict_params: bool = False
    patience_s: float = NEVER
    max_cost_usd: Decimal | None = None
    # Where it came in, and the approval that it names.
    path: str = ""
    approval: bytes = b""
    # What the request says about the answer cache, and who keeps its stream aside.
    cache_wish: bytes = b""
    recorder: Any = None
    # The record of the end user in `attribution`, where the project told of one.
    end_user: Any = None
    # The context that it asks for, and then the one that it is given
    # (`gateway.context`); None: none.
    context: Any = None
    # The trace that it belongs to (`gateway.telemetry.passing.Trace`).
    trace: Any = None


class Variant(NamedTuple):
    """What a request changes of its target's head.

    `voice` fills the pattern's placeholder; `path` stands in place of the whole pattern,
    each as it goes over the wire; `query` holds `name=value` pairs; `headers` go in place
    of those of the same name.
    """

    voice: str = ""
    query: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    path: str = ""
    method: str = "POST"


PLAIN = Variant()


class Outgoing(msgspec.Struct, frozen=True):
    """What goes to a provider."""

    body: bytes
    content_type: bytes = JSON_TYPE
    variant: Variant = PLAIN


class UpstreamReply(msgspec.Struct, frozen=True):
    """A complete answer of a provider, checked and ready to be passed on.

    `content_type` is empty when it is what the dialect always answers with.
    """

    body: bytes
    tokens: Tokens | None
    reported_model: str = ""
    finish_reason: str = ""
    content_type: bytes = b""


@dataclass(frozen=True, slots=True)
class UpstreamFault:
    """A provider's error body, read: its code (may be empty) and its message.

    `status` is the one that the body itself names, `retry_after_s` the wait it asks for.
    """

    code: str
    message: str
    param: str | None = None
    retry_after_s: float | None = None
    status: int | None = None


class NoCounterpart(Exception):
    """What is asked for cannot be said in the provider's protocol at all."""

    def __init__(self, message: str, param: str) -> None:
        super().__init__(message)
        self.param = param


class StreamFault(Exception):
    """An error that a provider sent inside a stream."""

    def __init__(self, fault: UpstreamFault) -> None:
        super().__init__(fault.message)
        self.fault = fault


class StreamNotes(msgspec.Struct, frozen=True):
    """What to pass on of a piece of a stream, and whether it ends there, well or not."""

    forward: bytes
    is_done: bool = False
    fault: UpstreamFault | None = None


@dataclass(frozen=True, slots=True)
class Quirks:
    """How a provider differs from its wire protocol."""

    drop_params: frozenset[str] = frozenset()
    rename_params: Mapping[str, str] = field(default_factory=dict)
    add_params: Mapping[str, Any] = field(default_factory=dict)

    def applied_to(self, body: JSON) -> JSON:
        """Return the members that the provider takes, by the names that it knows."""
        return {
            self.rename_params.get(name, name): value
            for name, value in body.items()
            if name not in self.drop_params
        }
