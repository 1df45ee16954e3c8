"""The models that the simulator offers, and what their names mean.

Whatever begins with `sim-bench` is the same model, counted under its own name.
"""

from dataclasses import dataclass

from gateway.simulator import faults
from gateway.simulator.behaviour import split_suffix

BENCH = "sim-bench"
NORMAL = (
    "sim-chat",
    "sim-chat-large",
    "sim-reasoning",
    "sim-vision",
    "sim-embed",
    "sim-voice",
    "sim-transcribe",
    "sim-image",
    "sim-moderation",
    "sim-rerank",
    BENCH,
)
_FAULT = "sim-fault-"


@dataclass(frozen=True, slots=True)
class ModelList:
    """Which names are known: the simulator's own, further ones, or any at all."""

    further: frozenset[str] = frozenset()
    any_model: bool = False

    def knows(self, name: str) -> bool:
        base, _ = split_suffix(name)
        if self.any_model or base in self.further or base in NORMAL:
            return True
        if base.startswith(BENCH):
            return True
        return fault_named(base) is not None

    def names(self) -> list[str]:
        broken = sorted(f"{_FAULT}{kind}" for kind in faults.KINDS)
        return [*NORMAL, *sorted(self.further), *broken]


def fault_named(model: str) -> tuple[str, str] | None:
    """Return kind and parameter of a model that exists to fail, otherwise None."""
    base, _ = split_suffix(model)
    if not base.startswith(_FAULT):
        return None
    return faults.find(base.removeprefix(_FAULT))


def reasons(model: str) -> bool:
    base, _ = split_suffix(model)
    return "reasoning" in base


def sees_images(model: str) -> bool:
    """Tell whether pictures are understood; unknown models get the benefit of doubt."""
    base, _ = split_suffix(model)
    return base == "sim-vision" or base not in NORMAL
