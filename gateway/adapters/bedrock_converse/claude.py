"""Claude's own parameters, for which the protocol has no words of its own."""

import msgspec

from gateway.adapters.anthropic_messages.models import Abilities
from gateway.adapters.anthropic_messages.thinking import plan_thinking
from gateway.canonical import ChatRequest
from gateway.types import JSON

# The planner reads turns as Anthropic writes them: only what a turn begins with counts.
_KINDS = {"toolResult": "tool_result", "reasoningContent": "thinking"}


def thinking_of(
    request: ChatRequest,
    abilities: Abilities,
    max_tokens: int,
    turns: list[JSON],
    dropped: list[str],
    *,
    is_forced: bool,
) -> JSON:
    """Return the members that tell Claude how much to think."""
    beginnings = [
        {"content": [{"type": _KINDS.get(next(iter(turn["content"][0])), "text")}]}
        for turn in turns
    ]
    planned = plan_thinking(
        request, abilities, max_tokens, is_forced=is_forced, turns=beginnings
    )
    if planned.is_refused:
        dropped.append("effort")
    told: JSON = {}
    if planned.thinking:
        told["thinking"] = planned.thinking
    if planned.effort:
        told["output_config"] = {"effort": planned.effort}
    return told


def drop_sampling(
    request: ChatRequest, abilities: Abilities, *, thinks: bool
) -> tuple[ChatRequest, list[str]]:
    """Return what of the sampling the model lets be said, and the names of the rest."""
    taken: JSON = {}
    if request.temperature is not None and (thinks or not abilities.sampling):
        taken["temperature"] = request.temperature != 1
    if request.top_p is not None:
        clashes = (
            request.temperature is not None
            and not taken
            and not abilities.sampling_together
        )
        too_low = thinks and request.top_p < 0.95
        if not abilities.sampling or clashes or too_low:
            taken["top_p"] = request.top_p != 1
    if request.top_k is not None and (thinks or not abilities.sampling):
        taken["top_k"] = True
    if not taken:
        return request, []
    return _without(request, taken), [
        name for name, is_told in taken.items() if is_told
    ]


def _without(request: ChatRequest, names: JSON) -> ChatRequest:
    return msgspec.structs.replace(request, **dict.fromkeys(names))
