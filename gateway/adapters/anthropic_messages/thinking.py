"""How much a model shall think: one word for all, or a budget for older models."""

import msgspec

from gateway.adapters.anthropic_messages.models import Abilities
from gateway.canonical import ChatRequest
from gateway.types import JSON

_MIN_BUDGET = 1024
_BUDGETS = {
    "minimal": 1024,
    "low": 2048,
    "medium": 8192,
    "high": 16384,
    "xhigh": 32768,
    "max": 32768,
}
_LEVELS = {
    "minimal": "low",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "xhigh",
    "max": "max",
}


class Thinking(msgspec.Struct, frozen=True):
    """The members to send; `is_refused`: what was asked cannot be had."""

    thinking: JSON | None = None
    effort: str = ""
    is_refused: bool = False


def plan_thinking(
    request: ChatRequest,
    abilities: Abilities,
    max_tokens: int,
    *,
    is_forced: bool,
    turns: list[JSON],
) -> Thinking:
    """Say what to send. A forced tool call excludes thinking where it is optional."""
    effort = _effort_of(request)
    if not effort:
        return Thinking()
    if effort == "none":
        return Thinking(is_refused=abilities.thinking == "always")
    if effort not in _LEVELS or (is_forced and abilities.thinking != "always"):
        return Thinking(is_refused=True)
    if abilities.thinking in {"adaptive", "always"}:
        level = _LEVELS[effort]
        if level == "xhigh" and not abilities.has_xhigh:
            level = "max"
        return Thinking({"type": "adaptive", "display": "summarized"}, level)
    budget = _budget(request, effort, max_tokens)
    if abilities.thinking == "none" or not budget or _is_unthinking_loop(turns):
        return Thinking(is_refused=True)
    return Thinking({"type": "enabled", "budget_tokens": budget})


def _effort_of(request: ChatRequest) -> str:
    if request.effort or request.thinking_budget is None:
        return request.effort
    if request.thinking_budget < 1:
        return "none" if request.thinking_budget == 0 else "medium"
    if request.thinking_budget < 4000:
        return "low"
    return "medium" if request.thinking_budget < 16000 else "high"


def _budget(request: ChatRequest, effort: str, max_tokens: int) -> int:
    """Return the budget, always less than the bound of the answer; 0 when none fits."""
    if max_tokens <= _MIN_BUDGET:
        return 0
    if request.thinking_budget is not None and request.thinking_budget > 0:
        return min(max(request.thinking_budget, _MIN_BUDGET), max_tokens - 1)
    return min(_BUDGETS[effort], max(_MIN_BUDGET, max_tokens // 2))


def _is_unthinking_loop(turns: list[JSON]) -> bool:
    """Say whether tools were called in a turn that does not begin with thinking.

    A model that is to think by a budget refuses to go on from there.
    """
    if len(turns) < 2 or turns[-1]["content"][0]["type"] != "tool_result":
        return False
    first = turns[-2]["content"][0]["type"]
    return first not in {"thinking", "redacted_thinking"}
