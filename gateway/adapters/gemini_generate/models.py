"""What Gemini's generations accept differently, told by the model's id."""

import re
from typing import NamedTuple

_NAME = re.compile(r"gemini-(\d{1,3})(?:\.(\d{1,3}))?(?:-(\w+))?")

# Thinking budgets of 2.5, which knows no levels.
_BUDGETS = {
    "none": 0,
    "minimal": 512,
    "low": 1024,
    "medium": 8192,
    "high": 24576,
    "xhigh": 24576,
    "max": 24576,
}
_LEAST_PRO_BUDGET = 128
_LOW_BUDGET, _MEDIUM_BUDGET = 4_000, 16_000


class Model(NamedTuple):
    """A generation, and whether it is of the small, fast kind."""

    version: tuple[int, int]
    is_flash: bool

    @property
    def takes_call_ids(self) -> bool:
        return self.version >= (3, 0)

    @property
    def needs_signatures(self) -> bool:
        return self.version >= (3, 0)

    @property
    def takes_candidate_count(self) -> bool:
        return self.version < (3, 0)

    @property
    def takes_validated_calls(self) -> bool:
        return self.version >= (2, 5)

    def thinking(self, effort: str, budget: int | None) -> dict[str, str | int]:
        """Return how much to think in this generation's own terms; {} when it cannot."""
        if self.version < (2, 5) or (not effort and budget is None):
            return {}
        if self.version < (3, 0):
            asked = _BUDGETS.get(effort, -1) if budget is None else budget
            least = 0 if self.is_flash else _LEAST_PRO_BUDGET
            return {"thinkingBudget": asked if asked < 0 else max(asked, least)}
        return {"thinkingLevel": self._level(effort, budget)}

    def _level(self, effort: str, budget: int | None) -> str:
        if budget is not None:
            effort = _effort_of(budget)
        if effort in {"none", "minimal"}:
            # Newer ones refuse the least level, and none can do without thinking.
            return "minimal" if self.is_flash and self.version < (3, 7) else "low"
        return effort if effort in {"low", "medium"} else "high"


def _effort_of(budget: int) -> str:
    if budget < 0:
        return "high"
    if budget == 0:
        return "none"
    return (
        "low"
        if budget < _LOW_BUDGET
        else "medium"
        if budget < _MEDIUM_BUDGET
        else "high"
    )


def model_of(model_id: str) -> Model:
    """Read the id. A name without a version is a current model, but for Gemma."""
    if match := _NAME.search(model_id):
        version = int(match[1]), int(match[2] or 0)
        return Model(version, match[3] == "flash")
    return Model((2, 0) if "gemma" in model_id else (999, 0), "flash" in model_id)
