"""How a request is put to a target, and its answer to the client: relayed or translated."""

import time
from collections.abc import Mapping
from types import ModuleType
from typing import Any, Protocol

import msgspec
import orjson

from gateway.canonical import ChatRequest
from gateway.errors import InvalidRequest
from gateway.protocols import ADAPTERS
from gateway.streams import Inspector
from gateway.strict_json import join_fields
from gateway.targets import Target
from gateway.translation import TranslatedReader, translated_reply, with_defaults
from gateway.types import InferenceRequest, UpstreamReply

# Controls of Signalbox in a body; no provider sees them.
CONTROLS = frozenset({"models", "provider"})

# What a request is must be said by the request.
_NEVER_DEFAULTED = frozenset({"model", "messages", "stream", "stream_options"})
# Two names of one bound: who gives either wants no other.
_SAME_BOUND = frozenset({"max_tokens", "max_completion_tokens"})


class Exchange(Protocol):
    """One attempt's two directions. `dropped` names parameters that went unsaid."""

    dropped: tuple[str, ...]

    def body(self) -> bytes: ...

    def reply(self, reply: UpstreamReply) -> UpstreamReply: ...

    def inspector(self) -> Inspector: ...


def exchange_for(
    request: InferenceRequest,
    target: Target,
    dialect: ModuleType,
    defaults: Mapping[str, Any],
    answer_id: str,
) -> Exchange:
    adapter = ADAPTERS[target.handler]
    if target.handler == request.dialect:
        return _Relay(request, target, adapter, defaults)
    return _Translation(request, target, adapter, dialect, defaults, answer_id)


class _Relay:
    """The client speaks the provider's protocol: bytes go through as they are."""

    __slots__ = ("_adapter", "_defaults", "_request", "_target")

    dropped: tuple[str, ...] = ()

    def __init__(
        self,
        request: InferenceRequest,
        target: Target,
        adapter: ModuleType,
        defaults: Mapping[str, Any],
    ) -> None:
        self._request = request
        self._target = target
        self._adapter = adapter
        self._defaults = defaults

    def body(self) -> bytes:
        target = self._target
        fields = self._request.fields
        if self._defaults:
            add = getattr(self._adapter, "with_defaults", _with_defaults)
            fields = add(fields, self._defaults)
        return join_fields(
            self._adapter.build_relayed(
                fields,
                target.model.model_id,
                target.quirks,
                stream=self._request.stream,
                dropped=CONTROLS,
            )
        )

    def reply(self, reply: UpstreamReply) -> UpstreamReply:
        return reply

    def inspector(self) -> Inspector:
        inspector: Inspector = self._adapter.StreamInspector(
            hide_usage=not self._request.wants_usage
        )
        return inspector


class _Translation:
    """Another protocol: through the canonical types, there and back."""

    __slots__ = (
        "_adapter",
        "_answer_id",
        "_dialect",
        "_request",
        "_target",
        "_wants_usage",
        "dropped",
    )

    def __init__(
        self,
        request: InferenceRequest,
        target: Target,
        adapter: ModuleType,
        dialect: ModuleType,
        defaults: Mapping[str, Any],
        answer_id: str,
    ) -> None:
        self._target = target
        self._adapter = adapter
        self._dialect = dialect
        self._answer_id = answer_id
        self._request = with_defaults(_canonical(request, dialect), defaults)
        self._wants_usage = request.wants_usage
        self.dropped: tuple[str, ...] = ()

    def body(self) -> bytes:
        model = self._target.model
        body, dropped = self._adapter.build_request(
            self._request, model.model_id, self._target.quirks, model.max_output_tokens
        )
        self.dropped = tuple(dropped)
        return orjson.dumps(body)

    def reply(self, reply: UpstreamReply) -> UpstreamReply:
        return translated_reply(
            reply, self._adapter, self._dialect, self._answer_id, int(time.time())
        )

    def inspector(self) -> Inspector:
        builder = self._dialect.StreamBuilder(
            self._answer_id,
            int(time.time()),
            self._target.model.model_id,
            with_usage=self._wants_usage,
        )
        return TranslatedReader(self._adapter.StreamParser(), builder)


def _canonical(request: InferenceRequest, dialect: ModuleType) -> ChatRequest:
    """Return the request in canonical words, read once for all its attempts."""
    if request.canonical is None:
        try:
            canonical: ChatRequest = dialect.parse_request(request.body)
        except dialect.Malformed as error:
            raise InvalidRequest(str(error), param=error.param) from error
        # Some dialects say it in the path.
        request.canonical = msgspec.structs.replace(canonical, stream=request.stream)
    return request.canonical


def _with_defaults(
    fields: dict[str, bytes], defaults: Mapping[str, Any]
) -> dict[str, bytes]:
    """Add at the top what the request does not give."""
    taken = {*fields, *_NEVER_DEFAULTED}
    if not taken.isdisjoint(_SAME_BOUND):
        taken |= _SAME_BOUND
    return {
        **{n: orjson.dumps(value) for n, value in defaults.items() if n not in taken},
        **fields,
    }
