"""How a request is put to a target, and its answer to the client: relayed or translated."""

import time
from collections.abc import Mapping
from types import ModuleType
from typing import Any, Protocol

import msgspec
import orjson

from gateway.canonical import ChatRequest, ChatResult
from gateway.protocols import ADAPTERS
from gateway.refusals import InvalidRequest
from gateway.strict_json import join_fields
from gateway.structured_output import unfenced
from gateway.translation import TranslatedReader, left_open, with_defaults
from gateway.types import InferenceRequest, Outgoing, UpstreamReply, Variant
from gateway.upstream.streams import Inspector
from gateway.upstream.targets import Target

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

    def result(self, reply: UpstreamReply) -> Any: ...

    def inspector(self) -> Inspector: ...


def exchange_for(
    request: InferenceRequest,
    target: Target,
    dialect: ModuleType,
    defaults: Mapping[str, Any],
    answer_id: str,
    said_instead: ChatRequest | None = None,
) -> Exchange:
    """Return how this request is put to this target.

    `said_instead` is what is put to it in place of the client's own words.
    """
    adapter = ADAPTERS[target.handler]
    if target.handler == request.dialect and said_instead is None:
        return _Relay(request, target, adapter, defaults)
    canonical = said_instead or canonical_of(request, dialect)
    unsaid: frozenset[str] = frozenset()
    canonical = with_defaults(canonical, defaults)
    if assumed := getattr(dialect, "ASSUMED", None):
        unsaid = left_open(canonical, assumed)
        canonical = with_defaults(canonical, assumed)
    return _Translation(canonical, request, target, adapter, dialect, answer_id, unsaid)


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
            form: Outgoing = build(request, target.model_id, target.quirks)
            return form
        fields = request.fields
        if self._defaults:
            add = getattr(adapter, "with_defaults", _with_defaults)
            fields = add(fields, self._defaults)
        is_router = target.model.provider.slug == _ROUTER
        sent = adapter.build_relayed(
            fields,
            target.model_id,
            target.quirks,
            stream=request.stream,
            dropped=CONTROLS - {"provider"} if is_router else CONTROLS,
        )
        if added := target.quirks.add_params:
            sent = {**{n: orjson.dumps(value) for n, value in added.items()}, **sent}
        body = join_fields(sent)
        if request.forwarded:
            return Outgoing(body, variant=Variant(headers=request.forwarded))
        return Outgoing(body)

    def reply(self, reply: UpstreamReply) -> UpstreamReply:
        return reply

    def result(self, reply: UpstreamReply) -> Any:
        return self._adapter.parse_result(reply.body)

    def inspector(self) -> Inspector:
        inspector: Inspector = self._adapter.StreamInspector(
            hide_usage=not self._request.wants_usage
        )
        return _recorded(inspector, self._request, self._target)


class _Translation:
    """Another protocol: through the canonical types, there and back."""

    __slots__ = (
        "_adapter",
        "_answer_id",
        "_asked",
        "_dialect",
        "_request",
        "_result",
        "_target",
        "_unsaid",
        "_wants_usage",
        "dropped",
    )

    def __init__(
        self,
        canonical: Any,
        request: InferenceRequest,
        target: Target,
        adapter: ModuleType,
        dialect: ModuleType,
        answer_id: str,
        unsaid: frozenset[str],
    ) -> None:
        self._target = target
        self._adapter = adapter
        self._dialect = dialect
        self._answer_id = answer_id
        self._asked = request
        # Nobody said it, so nobody misses it where it cannot be said.
        self._unsaid = unsaid
        self._request = canonical
        self._result: Any = None
        self._wants_usage = request.wants_usage
        self.dropped: tuple[str, ...] = ()

    def outgoing(self) -> Outgoing:
        model = self._target.model
        body, dropped = self._adapter.build_request(
            self._request,
            self._target.model_id,
            self._target.quirks,
            model.max_output_tokens,
        )
        self.dropped = tuple(n for n in dropped if n not in self._unsaid)
        if isinstance(body, Outgoing):
            return body
        return Outgoing(orjson.dumps({**self._target.quirks.add_params, **body}))

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
        if isinstance(result, ChatResult) and self._wants_json():
            result = unfenced(result)
        self._result = result
        model = getattr(result, "model", "") or self._target.model.model_id
        if (build := getattr(dialect, "build_reply", None)) is not None:
            built: UpstreamReply = build(
                reply, self._request, result, self._answer_id, created, model
            )
            return built
        body: bytes = dialect.build_response(result, self._answer_id, created, model)
        return msgspec.structs.replace(reply, body=body)

    def result(self, reply: UpstreamReply) -> Any:
        return self._result

    def _wants_json(self) -> bool:
        """Say whether the client asked for JSON, however that was put to the model."""
        asked = self._asked.canonical
        return isinstance(asked, ChatRequest) and asked.output_format.kind != "text"

    def inspector(self) -> Inspector:
        # Some dialects repeat in the answer what they were asked.
        echo = getattr(self._dialect, "ECHOES_REQUEST", False)
        builder = self._dialect.StreamBuilder(
            self._answer_id,
            int(time.time()),
            self._target.model.model_id,
            with_usage=self._wants_usage,
            **({"request": self._request} if echo else {}),
        )
        reader = TranslatedReader(self._adapter.StreamParser(), builder)
        return _recorded(reader, self._asked, self._target)


def _recorded(
    inspector: Inspector, request: InferenceRequest, target: Target
) -> Inspector:
    """Let who keeps the stream aside see what the inspector sees."""
    if request.recorder is None:
        return inspector
    watched: Inspector = request.recorder.watch(inspector, target.handler)
    return watched


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
