"""What makes two requests one and the same: all that can change the answer.

A key is complete by construction. Of the body everything counts, as it was written,
except a few fields that are known to say nothing to a model; plain conversations are
compared by what they mean, so that they are the same in every dialect. The models that
could answer count with how they are asked, so that an alias or provider that changes
makes all its answers other ones.
"""

import contextlib
import hmac
from types import ModuleType
from typing import Any

import msgspec

from gateway.cache.plain_chats import is_plain, meaning_of
from gateway.candidates import Candidate, Candidates
from gateway.exchange import canonical_of
from gateway.refusals import InvalidRequest
from gateway.types import InferenceRequest

_VERSION = 1

# Who asks, and how the answer is to be delivered. The model is told by the candidates.
_SAYS_NOTHING = frozenset(
    {
        "model",
        "stream",
        "stream_options",
        "user",
        "metadata",
        "safety_identifier",
        "userId",
        "feature",
        "featureId",
        "priority",
        "cache",
    }
)
# In other dialects than these the names above may mean something else.
_SAID_IN = frozenset(
    {"openai_chat", "openai_responses", "anthropic_messages", "signalbox"}
)
_DELIVERY = frozenset({"model", "stream"})

_encode = msgspec.msgpack.Encoder(order="sorted", enc_hook=dict).encode


def key_for(
    project_id: int,
    request: InferenceRequest,
    candidates: Candidates,
    dialect: ModuleType,
    secret: bytes,
) -> str:
    """Return the key of the request's answer within the project."""
    asked = (
        _VERSION,
        project_id,
        request.operation,
        _said(request, candidates, dialect),
        request.preferences,
        request.effort,
        request.strict_params,
        candidates.strategy,
        candidates.defaults,
        [_how_asked(candidate) for candidate in candidates.able],
    )
    said = _encode(asked)
    if request.context is not None:
        said += _encode(request.context.mark)
    return hmac.digest(secret, said, "sha256").hex()


def _said(
    request: InferenceRequest, candidates: Candidates, dialect: ModuleType
) -> Any:
    if is_plain(request):
        assumed = getattr(dialect, "ASSUMED", {})
        if assumed:
            assumed = {**assumed, **candidates.defaults}
        # What cannot be read is for the provider to refuse, if it is relayed.
        with contextlib.suppress(InvalidRequest):
            return "plain", meaning_of(canonical_of(request, dialect), assumed)
    unsaid = _SAYS_NOTHING if request.dialect in _SAID_IN else _DELIVERY
    said = {n: value for n, value in request.fields.items() if n not in unsaid}
    return request.dialect, request.forwarded, said


def _how_asked(candidate: Candidate) -> Any:
    model, provider = candidate.model, candidate.model.provider
    return (
        candidate.turn,
        candidate.priority,
        candidate.weight,
        model.id,
        model.model_id,
        provider.slug,
        provider.base_url,
        provider.headers,
        provider.drop_params,
        provider.rename_params,
        provider.add_params,
        candidate.endpoint.handler,
        candidate.endpoint.pattern,
    )
