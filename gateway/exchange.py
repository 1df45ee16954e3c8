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
from gateway.translation import TranslatedReader, with_defaults
from gateway.types import InferenceRequest, Outgoing, UpstreamReply, Variant

# Controls of Signalbox in a body; no provider sees them.
CONTROLS = frozenset({"models", "provider"})
# The one provider that is told which providers to route to.
_ROUTER = "openrouter"

# What a request is must be said by the request.
_NEVER_DEFAULTED = frozenset({"model", "messages", "stream", "stream_options"})
# Two names of one bound: who gives either wants no other.
_SAME_BOUND = frozenset({"max_tokens", "max_completion_tokens"})


class Exchange(Protocol):
    """One attempt's two directions. `dropped` names parameters that went unsaid."""

    dropped: tuple[str, ...]

    def outgoing(self) -> Outgoing: ...

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

    def outgoing(self) -> Outgoing:
        request, target, adapter = self._request, self._target, self._adapter
        if (build := getattr(adapter, "build_relayed_form", None)) is not None:
            form: Outgoing = build(request, target.model.model_id, target.quirks)
            return form
        fields = request.fields
        if self._defaults:
            add = getattr(adapter, "with_defaults", _with_defaults)
            fields = add(fields, self._defaults)
        is_router = target.model.provider.slug == _ROUTER
        body = join_fields(
            adapter.build_relayed(
                fields,
                target.model.model_id,
                target.quirks,
                stream=request.stream,
                dropped=CONTROLS - {"provider"} if is_router else CONTROLS,
            )
        )
        if request.forwarded:
            return Outgoing(body, variant=Variant(headers=request.forwarded))
        return Outgoing(body)

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
        canonical = canonical_of(request, dialect)
        if isinstance(canonical, ChatRequest):
            canonical = with_defaults(canonical, defaults)
        self._request = canonical
        self._wants_usage = request.wants_usage
        self.dropped: tuple[str, ...] = ()

    def outgoing(self) -> Outgoing:
        model = self._target.model
        body, dropped = self._adapter.build_request(
            self._request, model.model_id, self._target.quirks, model.max_output_tokens
        )
        self.dropped = tuple(dropped)
        return body if isinstance(body, Outgoing) else Outgoing(orjson.dumps(body))

    def reply(self, reply: UpstreamReply) -> UpstreamReply:
        """Return the answer in the client's dialect.

        Raises the adapter's `Unreadable` for what cannot be translated.
        """
        dialect, created = self._dialect, int(time.time())
        if (parse := getattr(self._adapter, "parse_reply", None)) is not None:
            # What the answer is shows in more than its body.
            result = parse(reply)
        else:
            result = self._adapter.parse_result(reply.body)
        model = getattr(result, "model", "") or self._target.model.model_id
        if (build := getattr(dialect, "build_reply", None)) is not None:
            built: UpstreamReply = build(
                reply, self._request, result, self._answer_id, created, model
            )
            return built
        body: bytes = dialect.build_response(result, self._answer_id, created, model)
        return msgspec.structs.replace(reply, body=body)

    def inspector(self) -> Inspector:
        builder = self._dialect.StreamBuilder(
            self._answer_id,
            int(time.time()),
            self._target.model.model_id,
            with_usage=self._wants_usage,
        )
        return TranslatedReader(self._adapter.StreamParser(), builder)


def canonical_of(request: InferenceRequest, dialect: ModuleType) -> Any:
    """Return the request in canonical words, read once for all its attempts.

    Raises `InvalidRequest`.
    """
    if request.canonical is None:
        # What is no JSON is read from the request itself.
        parse = getattr(dialect, "parse_form", None)
        try:
            canonical = (
                dialect.parse_request(request.body) if parse is None else parse(request)
            )
        except dialect.Malformed as error:
            raise InvalidRequest(str(error), param=error.param) from error
        if isinstance(canonical, ChatRequest):
            # Some dialects say it in the path.
            canonical = msgspec.structs.replace(canonical, stream=request.stream)
        request.canonical = canonical
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
