"""What a Command model takes, told by its name.

Source: https://docs.cohere.com/docs/models
"""

import re
from dataclasses import dataclass

# Older than Command R7B: https://docs.cohere.com/reference/chat
_BEFORE_TOOL_CHOICE = re.compile(
    r"command-r(?:-plus)?(?:-\d\d-2024)?|command(?:-light)?"
)
_THINKS = re.compile(r"reasoning|command-a-plus|north-")


@dataclass(frozen=True, slots=True)
class Abilities:
    """`thinks`: it can be told to reason or not; `tool_choice`: to call or not."""

    thinks: bool
    tool_choice: bool


def abilities_of(model_id: str) -> Abilities:
    """Return what the model can; one that nobody knows is taken for a current one."""
    name = model_id.rsplit("/", 1)[-1]
    return Abilities(
        thinks=_THINKS.search(name) is not None,
        tool_choice=_BEFORE_TOOL_CHOICE.fullmatch(name) is None,
    )
