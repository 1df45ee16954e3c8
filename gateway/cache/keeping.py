"""Which answers are worth keeping, and what is kept of them."""

from types import ModuleType

import msgspec

from gateway.cache.entries import MAX_BYTES, Entry
from gateway.cache.recording import Recorder
from gateway.canonical import ChatResult
from gateway.protocols import ADAPTERS
from gateway.resilience.answers import Answer
from gateway.resilience.formats import format_of
from gateway.structured_output import SchemaRefused, fault_of, unfenced
from gateway.types import InferenceRequest, UpstreamReply

_CONVERSATIONS = frozenset({"chat", "responses"})
_CREDIBLE = frozenset({"stop", "length", "tool_calls"})


def entry_of(
    answer: Answer,
    request: InferenceRequest,
    dialect: ModuleType,
    *,
    key: str,
    project_id: int,
    alias: str,
    asked_at: float,
    ttl_s: float,
) -> Entry | None:
    """Return what is to be kept of an answer; None when it is not worth it."""
    reply = answer.reply
    if reply is None:
        result = _streamed(answer, request, dialect)
        if result is None:
            return None
    elif len(reply.body) > MAX_BYTES:
        return None
    elif request.operation not in _CONVERSATIONS:
        result = None
    else:
        result = _told(answer, reply)
        if result is None:
            return None
    model = answer.candidate.model
    return Entry(
        key=key,
        project_id=project_id,
        operation=request.operation,
        alias=alias,
        provider=model.provider.slug,
        model_id=model.model_id,
        model_pk=model.id,
        dialect=request.dialect,
        forwarded=request.forwarded,
        body=None if reply is None else reply.body,
        content_type=b"" if reply is None else reply.content_type,
        result=result,
        tokens=answer.attempt.tokens,
        dropped=answer.dropped,
        cost_usd=answer.attempt.spent_usd,
        asked_at=asked_at,
        expires_at=asked_at + ttl_s,
    )


def _told(answer: Answer, reply: UpstreamReply) -> ChatResult | None:
    """Return a whole answer in canonical words; None when it was relayed and is none."""
    if answer.exchange is None:
        return None
    try:
        found = answer.exchange.result(reply)
    except ADAPTERS[answer.candidate.endpoint.handler].Unreadable:
        return None
    return found if isinstance(found, ChatResult) and _is_whole(found) else None


def _streamed(
    answer: Answer, request: InferenceRequest, dialect: ModuleType
) -> ChatResult | None:
    """Return the answer that a stream made, if it has the format that was asked for."""
    recorder: Recorder | None = request.recorder
    result = None if recorder is None else recorder.result()
    if result is None or not _is_whole(result):
        return None
    if (wanted := format_of(request, dialect)) is not None:
        result = unfenced(result)
        try:
            if fault_of(result, wanted) is not None:
                return None
        except SchemaRefused:
            return None
    if result.tokens is None:
        result = msgspec.structs.replace(result, tokens=answer.attempt.tokens)
    return result


def _is_whole(result: ChatResult) -> bool:
    """Say whether every choice came to an end that is worth telling again."""
    return bool(result.choices) and all(
        choice.parts and choice.finish_reason in _CREDIBLE for choice in result.choices
    )
