"""The context of one request: what it may be told at most, and what each target is told."""

import math
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from gateway.candidates import Candidate
from gateway.canonical import ChatRequest
from gateway.configuration.records import ModelRecord
from gateway.context.placing import in_body, in_conversation
from gateway.context.wording import Worded, Words, digest_of
from gateway.exchange import canonical_of
from gateway.selection.estimates import USUAL_OUTPUT_TOKENS, read_input
from gateway.selection.text_tokens import family_factor
from gateway.types import InferenceRequest

# Tokens are estimated: so much of a window is counted on.
_CERTAIN = 0.9


@dataclass(slots=True)
class Context:
    """Lives as long as its request. `secret` seals answers that were given with it."""

    scope: str
    words: Words = field(repr=False)
    secret: bytes | None = field(default=None, repr=False)
    full: Worded = field(init=False)
    _base: int | None = None

    def __post_init__(self) -> None:
        self.full = self.words.within(self.words.rules.token_budget)

    @property
    def tokens(self) -> int:
        """About how long it is where it has room."""
        return self.full.tokens

    @property
    def mark(self) -> tuple[str, bytes | None]:
        """What tells it from every other context, and from that of every other user."""
        return digest_of(self.full), self.secret

    def for_model(self, model: ModelRecord, request: InferenceRequest) -> Worded:
        """Return what has room in the model's window beside the request and its answer."""
        window = model.context_window
        if window is None:
            return self.full
        if self._base is None:
            self._base = read_input(request)
        output = request.max_output_tokens or USUAL_OUTPUT_TOKENS
        certain = (window - output) * _CERTAIN / family_factor(model.model_id)
        room = math.floor(certain - self._base)
        return self.full if room >= self.full.tokens else self.words.within(room)

    def told(self, model: ModelRecord, request: InferenceRequest) -> dict[str, Any]:
        """Return what the usage event keeps of it: how much, and nothing of what."""
        worded = self.for_model(model, request)
        return {
            "scope": self.scope,
            "tokens": worded.tokens,
            "entries": worded.entries,
        }


def placed(
    request: InferenceRequest,
    said_instead: ChatRequest | None,
    candidate: Candidate,
    dialect: ModuleType,
) -> tuple[InferenceRequest, ChatRequest | None]:
    """Return what is put to a target, the context in its place.

    Raises `InvalidRequest`.
    """
    context: Context = request.context
    text = context.for_model(candidate.model, request).text
    if candidate.endpoint.handler == request.dialect and said_instead is None:
        return in_body(request, text), None
    asked = said_instead or canonical_of(request, dialect)
    return request, in_conversation(asked, text)
