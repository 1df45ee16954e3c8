"""What a Claude model accepts, told by its name.

Source: https://platform.claude.com/docs/en/about-claude/models/overview
"""

import re
from functools import lru_cache
from typing import Literal

import msgspec

# claude-sonnet-4-5-20250929, claude-3-5-haiku-latest, claude-opus-4@20250514, …
_NAME = re.compile(r"claude-(?:([a-z]+)-)?(\d+)(?:[-.](\d{1,2}))?(?!\d)")


class Abilities(msgspec.Struct, frozen=True):
    """The defaults are for models that only share the protocol with Claude.

    `thinking` is told by a budget, adaptive, always on, or impossible.
    """

    sampling: bool = True
    sampling_together: bool = True
    forced_choice: bool = True
    thinking: Literal["none", "budget", "adaptive", "always"] = "budget"
    has_xhigh: bool = False
    schemas: bool = False


@lru_cache(maxsize=1024)
def abilities_of(model_id: str) -> Abilities:
    found = _NAME.search(model_id.lower())
    if found is None:
        return Abilities()
    version = (int(found[2]), int(found[3] or 0))
    always_thinks = version >= (5, 1) and found[1] != "haiku"
    return Abilities(
        sampling=version <= (4, 6),
        sampling_together=not (4, 1) <= version <= (4, 5),
        forced_choice=not always_thinks,
        thinking=_thinking(version, always_thinks=always_thinks),
        has_xhigh=version >= (4, 7),
        schemas=version >= (4, 5),
    )


def _thinking(
    version: tuple[int, int], *, always_thinks: bool
) -> Literal["none", "budget", "adaptive", "always"]:
    if always_thinks:
        return "always"
    if version >= (4, 6):
        return "adaptive"
    return "budget" if version >= (3, 7) else "none"
