"""What OpenAI's models take and refuse, by their names.

Source: https://platform.openai.com/docs/guides/latest-model
"""

import re
from dataclasses import dataclass, replace
from functools import lru_cache

_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
_BELOW_LOW = frozenset({"none", "minimal"})
# Only on Responses.
_TAKES_MAX_FROM = (6, 0)

# How many tokens of thinking an effort is taken for: below the first figure it is low.
_LOW_BUDGET = 4_000
_MEDIUM_BUDGET = 16_000

# "gpt-35-turbo" is what Azure calls gpt-3.5.
_NAME = re.compile(r"(?:chatgpt-|gpt-(?!35)(\d+)(?:\.(\d+))?(?![\d.])|o(\d+)(?![\w.]))")
_OLD = re.compile(r"gpt-35|ft:(?:davinci|babbage)")
_RESPONSES_ONLY = re.compile(r"-pro\b|-codex\b|-deep-research\b")

# The only ones of the sixth generation that can be told not to reason.
_CAN_REST = re.compile(r"gpt-6-sol|gpt-6-luna|gpt-6\.1-terra")


@dataclass(frozen=True, slots=True)
class Family:
    """How a model takes parameters.

    `efforts` are those it accepts, none when it does not reason. `resting`: it reasons
    only when told to; `samples_at_rest`: then it takes sampling parameters.
    """

    is_openai: bool = False
    reasons: bool = False
    efforts: tuple[str, ...] = ("none", "low", "medium", "high")
    resting: bool = False
    samples_at_rest: bool = False
    version: tuple[int, int] = (0, 0)

    def effort_for(self, wanted: str, *, by_responses: bool = False) -> str:
        """Return the accepted effort nearest to the wanted one, or nothing."""
        if wanted not in _EFFORTS or not self.efforts:
            return ""
        if wanted in self.efforts or (
            by_responses and wanted == "max" and self.version >= _TAKES_MAX_FROM
        ):
            return wanted
        rank = _EFFORTS.index(wanted)
        lower = [e for e in self.efforts if _EFFORTS.index(e) < rank]
        higher = [e for e in self.efforts if _EFFORTS.index(e) > rank]
        if higher and (wanted in _BELOW_LOW or not lower):
            return higher[0]
        return lower[-1]

    def is_at_rest(self, effort: str) -> bool:
        """Say whether the model answers without reasoning."""
        return effort == "none" or (not effort and self.resting)


_OTHERS = Family()
_OTHERS_BY_NAME = (
    (re.compile(r"gpt-oss"), Family(efforts=("low", "medium", "high"))),
    (
        re.compile(r"grok-4\.[67]"),
        Family(efforts=("none", "low", "medium", "high", "xhigh")),
    ),
    (re.compile(r"llama|non-reasoning|gpt-audio", re.IGNORECASE), Family(efforts=())),
)
_PLAIN = Family(is_openai=True, efforts=())
_O_SERIES = Family(is_openai=True, reasons=True, efforts=("low", "medium", "high"))
_FIFTH = Family(
    is_openai=True,
    reasons=True,
    efforts=("minimal", "low", "medium", "high"),
    version=(5, 0),
)


@lru_cache(maxsize=4096)
def family_of(model_id: str) -> Family:
    """Return how the model takes parameters, fine-tuned and resold ones included."""
    name = model_id.rsplit("/", 1)[-1].removeprefix("ft:").split(":", 1)[0]
    family = _family_of(name)
    if family.reasons and _RESPONSES_ONLY.search(name):
        return _on_responses_only(name, family)
    return family


def _family_of(name: str) -> Family:
    found = _NAME.match(name)
    if found is None:
        return _PLAIN if _OLD.match(name) else _other(name)
    if found[3]:
        return _O_SERIES
    version = (int(found[1] or 0), int(found[2] or 0))
    if version < (5, 0) or "-chat" in name:
        return _PLAIN
    if version == (5, 0):
        return _FIFTH
    efforts: tuple[str, ...] = ("low", "medium", "high")
    if version >= (5, 2):
        efforts = (*efforts, "xhigh")
    if version < (6, 0) or _CAN_REST.match(name):
        efforts = ("none", *efforts)
    return Family(
        is_openai=True,
        reasons=True,
        efforts=efforts,
        resting=version < (5, 5),
        samples_at_rest=version < (6, 0),
        version=version,
    )


def _on_responses_only(name: str, family: Family) -> Family:
    """Return the family of a model that always reasons, mostly harder than others.

    Source: https://platform.openai.com/docs/models
    """
    efforts = family.efforts
    if "-deep-research" in name:
        efforts = ("medium",)
    elif "-codex" in name:
        efforts = ("low", "medium", "high")
        if family.version >= (5, 2) or "-max" in name:
            efforts = (*efforts, "xhigh")
    elif family.version == (5, 0):
        efforts = ("high",)
    elif family.version > (5, 0):
        efforts = ("medium", "high", "xhigh")
    return replace(family, efforts=efforts, resting=False, samples_at_rest=False)


def effort_of(budget: int) -> str:
    """Return the effort that comes nearest to so many tokens of thinking."""
    if budget == 0:
        return "none"
    if budget < _LOW_BUDGET:
        return "low"
    return "medium" if budget < _MEDIUM_BUDGET else "high"


def _other(name: str) -> Family:
    found = (family for pattern, family in _OTHERS_BY_NAME if pattern.search(name))
    return next(found, _OTHERS)


def must_bridge(model_id: str, *, has_tools: bool, effort: str) -> bool:
    """Say whether OpenAI serves this only as Responses: a model that speaks nothing
    else, or function tools for one that would reason.
    """
    family = family_of(model_id)
    if not family.reasons:
        return False
    if _RESPONSES_ONLY.search(model_id):
        return True
    return (
        has_tools
        and family.version >= (5, 4)
        and not family.is_at_rest(family.effort_for(effort))
    )
