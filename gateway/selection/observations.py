"""How quickly models answer, as all processes together have lately seen it.

Each process keeps sums for each model: how many answers, how long they took, how many
tokens they had. A line through them says how long an answer of any length takes. Old
answers count less with each new one and with time, so the line follows the model.
The sums of several processes can be added up, and that is how they are shared.
"""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

# What an answer still counts after another one, and after each sharing.
_KEPT_AFTER_ANOTHER = 0.98
_KEPT_AFTER_SHARING = 0.98
# Less than this is as good as nothing: the catalog's figure is used again.
_LEAST_WEIGHT = 0.3
_MAX_MODELS = 1_000


class Sums(msgspec.Struct, array_like=True):
    """Weighted sums over answers: of their length in tokens and time in milliseconds.

    A streamed answer counts as two: none of it until its first token, all at the end.
    """

    weight: float = 0.0
    tokens: float = 0.0
    ms: float = 0.0
    tokens_ms: float = 0.0
    tokens_squared: float = 0.0
    streams: float = 0.0
    first_ms: float = 0.0

    def add(self, tokens: int, ms: float) -> None:
        kept = _KEPT_AFTER_ANOTHER
        self.weight = self.weight * kept + 1
        self.tokens = self.tokens * kept + tokens
        self.ms = self.ms * kept + ms
        self.tokens_ms = self.tokens_ms * kept + tokens * ms
        self.tokens_squared = self.tokens_squared * kept + tokens * tokens

    def add_first(self, ms: float) -> None:
        self.streams = self.streams * _KEPT_AFTER_ANOTHER + 1
        self.first_ms = self.first_ms * _KEPT_AFTER_ANOTHER + ms
        self.add(0, ms)

    def fade(self) -> None:
        for name in self.__struct_fields__:
            setattr(self, name, getattr(self, name) * _KEPT_AFTER_SHARING)

    def plus(self, other: "Sums") -> "Sums":
        return Sums(
            *(
                getattr(self, name) + getattr(other, name)
                for name in self.__struct_fields__
            )
        )


class Seen(msgspec.Struct, frozen=True):
    """What was seen of a model: so long for no token, and so much longer for each."""

    weight: float
    base_ms: float
    ms_per_token: float
    first_token_ms: float | None

    def ms_for(self, tokens: int) -> float:
        return self.base_ms + self.ms_per_token * tokens


class Observations:
    """What is known of each model by its name; belongs to the event loop's thread."""

    def __init__(self) -> None:
        self._own: dict[str, Sums] = {}
        self._others: Mapping[str, Sums] = {}
        self._seen: dict[str, Seen | None] = {}

    def note(
        self, model: str, tokens: int, latency_ms: float, first_ms: float | None
    ) -> None:
        """Count an answer that went well."""
        sums = self._own.get(model)
        if sums is None:
            if len(self._own) >= _MAX_MODELS:
                return
            sums = self._own[model] = Sums()
        if first_ms is not None:
            sums.add_first(first_ms)
        sums.add(tokens, latency_ms)
        self._seen.pop(model, None)

    def of(self, model: str) -> Seen | None:
        """Return what was seen of a model lately, None for nothing."""
        if model in self._seen:
            return self._seen[model]
        if len(self._seen) >= _MAX_MODELS:
            self._seen.clear()
        seen = self._seen[model] = self._work_out(model)
        return seen

    def share(self, others: Iterable[Mapping[str, Sums]]) -> None:
        """Take in what the other processes have seen, in place of what they had."""
        found: dict[str, Sums] = {}
        for sums_by_model in others:
            for model, sums in sums_by_model.items():
                known = found.get(model)
                found[model] = sums if known is None else known.plus(sums)
                if len(found) >= _MAX_MODELS:
                    break
        self._others = found
        self._seen.clear()

    def fade(self) -> None:
        """Let what was seen count less; forget what counts for nothing any more."""
        for sums in self._own.values():
            sums.fade()
        self._own = {
            model: sums
            for model, sums in self._own.items()
            if sums.weight >= _LEAST_WEIGHT / 10
        }
        self._seen.clear()

    def own(self) -> Mapping[str, Sums]:
        """Return what this process has seen itself."""
        return self._own

    def clear(self) -> None:
        self._own.clear()
        self._others = {}
        self._seen.clear()

    def _work_out(self, model: str) -> Seen | None:
        own, other = self._own.get(model), self._others.get(model)
        sums = own.plus(other) if own and other else own or other
        if sums is None or sums.weight < _LEAST_WEIGHT:
            return None
        return _line_through(sums)


def _line_through(sums: Sums) -> Seen:
    """Fit a line by least squares; where lengths do not differ it is level."""
    weight = sums.weight
    mean_tokens, mean_ms = sums.tokens / weight, sums.ms / weight
    spread = sums.tokens_squared / weight - mean_tokens * mean_tokens
    slope = 0.0
    if spread > 1:
        slope = (sums.tokens_ms / weight - mean_tokens * mean_ms) / spread
        # Neither can an answer take less time than none, nor begin before it is asked.
        slope = min(max(slope, 0.0), mean_ms / mean_tokens)
    return Seen(
        weight,
        mean_ms - slope * mean_tokens,
        slope,
        sums.first_ms / sums.streams if sums.streams > 0 else None,
    )


OBSERVATIONS: Final = Observations()
