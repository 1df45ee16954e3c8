"""Putting a context into words, within a number of tokens: the same words every time."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from zoneinfo import ZoneInfo

import orjson

from gateway.context.choosing import Opened
from gateway.selection.text_tokens import tokens_in
from tenants.context.scopes import BY_KIND, EVERY_OTHER, OLDEST_FIRST, ScopeRules
from tenants.context.templates import fill, places_in

_ENTRIES = "entries"
# The line's end, and what is lost by rounding.
_AROUND_A_LINE = 0.3
# Where date and minutes end in ISO 8601.
_DATE, _MINUTES = 10, 16


@dataclass(frozen=True, slots=True)
class Worded:
    """The text for one target. It does not print."""

    text: str = field(default="", repr=False)
    tokens: int = 0
    entries: int = 0


NOTHING = Worded()


@dataclass(slots=True)
class Words:
    """A context as text, cut to size: what was chosen last goes first."""

    rules: ScopeRules
    values: Mapping[str, str] = field(repr=False)
    # Each with its kind, in the order in which they were chosen.
    lines: Sequence[tuple[str, str]] = field(repr=False)
    _weights: list[float] = field(init=False, repr=False)
    _frame: float = field(init=False)

    def __post_init__(self) -> None:
        self._weights = [tokens_in(line) + _AROUND_A_LINE for _, line in self.lines]
        self._frame = tokens_in(fill(self.rules.template, self.values)) + 1

    def within(self, tokens: int) -> Worded:
        """Return as much as has room; nothing at all where even the frame has none."""
        left = min(tokens, self.rules.token_budget) - self._frame
        if left < 0:
            return NOTHING
        taken = 0
        for weight in self._weights:
            left -= weight
            if left < 0:
                break
            taken += 1
        text = self._text(taken)
        used = self._frame + sum(self._weights[:taken])
        return Worded(text, math.ceil(used), taken) if text else NOTHING

    def _text(self, taken: int) -> str:
        lines = list(self.lines[:taken])
        if self.rules.order == OLDEST_FIRST:
            lines.reverse()
        elif self.rules.order == BY_KIND:
            lines.sort(key=lambda line: _rank(line[0], self.rules))
        template = self.rules.template
        values = dict(self.values)
        wanted = set(places_in(template))
        apart = {
            name.partition(".")[2] for name in wanted if name.startswith("entries.")
        }
        for kind in apart:
            values[f"{_ENTRIES}.{kind}"] = "\n".join(
                line for each, line in lines if each == kind
            )
        values[_ENTRIES] = "\n".join(line for kind, line in lines if kind not in apart)
        return fill(template, values)


def words_of(
    rules: ScopeRules,
    name: str,
    entries: Sequence[Opened],
    now: datetime,
    time_zone: str,
) -> Words:
    """Return the words for these entries, which are in the order in which they count."""
    zone = zone_of(time_zone)
    today = now.astimezone(zone)
    values = {"name": name, "date": f"{today:%Y-%m-%d}", "weekday": f"{today:%A}"}
    places = places_in(rules.template)
    if not any(each.partition(".")[0] == _ENTRIES for each in places):
        return Words(rules, values, ())
    return Words(rules, values, [_line(rules, entry, zone) for entry in entries])


def digest_of(worded: Worded) -> str:
    return sha256(worded.text.encode()).hexdigest()


def as_text(content: object) -> str:
    """Return the content of an entry as a model reads it."""
    return content if isinstance(content, str) else orjson.dumps(content).decode()


def tokens_of(content: object) -> int:
    """Return about how long an entry is, without what its line adds."""
    return max(1, math.ceil(tokens_in(as_text(content))))


@lru_cache(maxsize=256)
def zone_of(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def _line(rules: ScopeRules, entry: Opened, zone: ZoneInfo) -> tuple[str, str]:
    # Quicker by far than formatting it.
    at = entry.occurred_at.astimezone(zone).isoformat(timespec="minutes")
    return entry.kind, fill(
        rules.entry_template,
        {
            "kind": entry.kind,
            "date": at[:_DATE],
            "time": at[_DATE + 1 : _MINUTES],
            "content": as_text(entry.content),
        },
    )


def _rank(kind: str, rules: ScopeRules) -> int:
    """Return the place of a kind among those of the scope."""
    last = len(rules.kinds)
    for place, rule in enumerate(rules.kinds):
        if rule.kind == kind:
            return place
        if rule.kind == EVERY_OTHER:
            last = place
    return last
