"""Which target holds the prompt of a conversation in its cache.

Providers keep the beginning of a long prompt for some minutes, and take less money and
time for it when it comes again. The next turn of a conversation begins with all of the
turn before, so it is known by that beginning, of which only a hash is kept.
"""

import time
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import orjson

from gateway.candidates import Candidate, Candidates
from gateway.types import InferenceRequest

_MAX_CONVERSATIONS = 20_000
# Shorter prompts are not kept by any provider.
_LEAST_BYTES = 4_096
_KEPT_S = 300.0
# What the models' own turns are called, in the order of the dialects' names for all turns.
_TURNS = ("messages", "contents", "input")
_ANSWERED = ("assistant", "model")
_CALLED = ("reasoning", "function_call")


class PromptAffinity:
    """The last target of each conversation; belongs to one process and its event loop."""

    def __init__(self) -> None:
        self._targets: OrderedDict[int, tuple[str, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._targets)

    def target_of(
        self, request: InferenceRequest, candidates: Candidates
    ) -> str | None:
        """Return the name of the model that was last asked for the turn before."""
        if request.size < _LEAST_BYTES or not self._targets:
            return None
        turns = _turns_of(request)
        for at in range(len(turns) - 1, 0, -1):
            if _is_answer(turns[at]) and not _is_answer(turns[at - 1]):
                known = self._targets.get(_key(request, candidates, turns[:at]))
                if known is None or known[1] < time.monotonic():
                    return None
                return known[0]
        return None

    def note(
        self, request: InferenceRequest, candidates: Candidates, target: Candidate
    ) -> None:
        """Remember who answered, where there was a choice and a prompt worth keeping."""
        if request.size < _LEAST_BYTES or len(candidates.able) < 2:
            return
        turns = _turns_of(request)
        if not turns:
            return
        key = _key(request, candidates, turns)
        self._targets[key] = target.model.name, time.monotonic() + _KEPT_S
        self._targets.move_to_end(key)
        if len(self._targets) > _MAX_CONVERSATIONS:
            self._targets.popitem(last=False)


def _turns_of(request: InferenceRequest) -> Sequence[Any]:
    for name in _TURNS:
        turns = request.body.get(name)
        if type(turns) is list:
            return turns
    return ()


def _is_answer(turn: Any) -> bool:
    """Say whether the model itself said it, or called a function with it."""
    if type(turn) is not dict:
        return False
    return turn.get("role") in _ANSWERED or turn.get("type") in _CALLED


def _key(
    request: InferenceRequest, candidates: Candidates, turns: Sequence[Any]
) -> int:
    # Python's hash of bytes has a secret of its own in every process.
    name = candidates.alias or request.model
    return hash((candidates.project_id, name, orjson.dumps(turns)))
