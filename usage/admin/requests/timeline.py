"""What happened when during a request, as bars to be drawn."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from usage.models import UsageEvent

# What is too short to be seen is drawn so wide, in percent.
_VISIBLE = 0.4


@dataclass(frozen=True, slots=True)
class Bar:
    """A stretch of time: `kind` is gateway, waiting, answer, whole, failed or cache."""

    kind: str
    name: str
    begin_ms: float
    length_ms: float
    left: str
    width: str


@dataclass(frozen=True, slots=True)
class Lane:
    """One attempt. `role` says how it came to it: first, retry, fallback or cache."""

    event: UsageEvent
    role: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class Timeline:
    lanes: tuple[Lane, ...]
    total_ms: float

    @property
    def marks(self) -> list[tuple[str, str]]:
        """Return where the scale is labelled, in percent, and with what."""
        return [(f"{25 * n}%", _ms(self.total_ms * n / 4)) for n in range(5)]


# The kind and the name of a stretch, when it begins, and how long it takes.
_Stretch = tuple[str, str, float, float]


def timeline_of(events: Iterable[UsageEvent]) -> Timeline:
    """Lay the attempts out in time; adjustments are none."""
    attempts = [each for each in events if each.kind != UsageEvent.Kind.ADJUSTMENT]
    begins = _begins(attempts)
    stretches: list[list[_Stretch]] = []
    end = 0.0
    for event, begin in zip(attempts, begins, strict=True):
        found = list(_stretches(event, begin))
        if event.kind != UsageEvent.Kind.CACHE_HIT and begin > end:
            found.insert(0, ("gateway", _between(end), end, begin - end))
        stretches.append(found)
        end = max(end, begin + event.latency_ms)
    total = max(end, 0.001)
    roles = _roles(attempts)
    lanes = (
        Lane(event, role, tuple(_bar(*each, total) for each in found))
        for event, role, found in zip(attempts, roles, stretches, strict=True)
    )
    return Timeline(tuple(lanes), total)


def _begins(attempts: Sequence[UsageEvent]) -> list[float]:
    """Return when each began, in milliseconds after the request came in.

    Its overhead is what the gateway itself had needed by then, besides earlier calls.
    """
    begins: list[float] = []
    called = 0.0
    for event in attempts:
        if event.kind == UsageEvent.Kind.CACHE_HIT:
            begins.append(0.0)
        elif event.overhead_ms is not None:
            begins.append(max(event.overhead_ms, 0.0) + called)
        else:
            since = event.occurred_at - attempts[0].occurred_at
            begins.append(max(since.total_seconds() * 1000, 0.0))
        called += event.latency_ms
    return begins


def _stretches(event: UsageEvent, begin: float) -> Iterable[_Stretch]:
    first, whole = event.first_token_ms, event.latency_ms
    if event.kind == UsageEvent.Kind.CACHE_HIT:
        yield "cache", "answered from the cache", begin, whole
    elif event.status == UsageEvent.Status.FAILED:
        yield "failed", "until it failed", begin, whole
    elif first is None or first > whole:
        yield "whole", "connecting and answering", begin, whole
    else:
        yield "waiting", "until the first token", begin, first
        kind = "answer" if event.status == UsageEvent.Status.OK else "failed"
        yield kind, "from the first token on", begin + first, whole - first


def _between(end: float) -> str:
    return "waiting to try again" if end else "in Signalbox"


def _roles(attempts: Sequence[UsageEvent]) -> list[str]:
    roles = ["first"] * min(len(attempts), 1)
    for before, event in pairwise(attempts):
        again = (before.provider, before.model) == (event.provider, event.model)
        roles.append("retry" if again else "fallback")
    for at, event in enumerate(attempts):
        if event.kind == UsageEvent.Kind.CACHE_HIT:
            roles[at] = "cache"
        elif at == 0 and event.fallback:
            # The first choice was skipped, and not asked.
            roles[at] = "fallback"
    return roles


def _bar(kind: str, name: str, begin: float, length: float, total: float) -> Bar:
    width = min(max(100 * length / total, _VISIBLE), 100.0)
    left = min(100 * begin / total, 100 - width)
    return Bar(
        kind,
        f"{name}: {_ms(length)}",
        begin,
        length,
        f"{left:.2f}%",
        f"{width:.2f}%",
    )


def _ms(value: float) -> str:
    if not value:
        return "0"
    return f"{value:,.0f} ms" if value >= 100 else f"{value:,.1f} ms"
