"""How long a target is left alone because its provider says so, or is about to."""

import math
import re
import time
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import NamedTuple, Protocol

MAX_WAIT_S = 120.0
FIRST_WAIT_S = 1.0
LONGEST_GUESS_S = 60.0
# How long a target sorts last when its provider does not say when there is room again.
_SOON_S = 10.0
_LONGEST_LAST_S = 60.0

_DURATION = re.compile(
    r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?"
)
_IN_SECONDS = (86_400, 3_600, 60, 1, 0.001)


class Room(NamedTuple):
    """Where a provider tells what is left of a limit, and when all of it is back."""

    remaining: str
    reset: str
    of_tokens: bool


ROOMS = (
    Room("x-ratelimit-remaining-requests", "x-ratelimit-reset-requests", False),
    Room("x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens", True),
    Room(
        "anthropic-ratelimit-requests-remaining",
        "anthropic-ratelimit-requests-reset",
        False,
    ),
    Room(
        "anthropic-ratelimit-tokens-remaining",
        "anthropic-ratelimit-tokens-reset",
        True,
    ),
    Room(
        "anthropic-ratelimit-input-tokens-remaining",
        "anthropic-ratelimit-input-tokens-reset",
        True,
    ),
    # Mistral's, and Together's.
    Room("x-ratelimit-remaining-req-minute", "", False),
    Room("x-ratelimit-remaining-tokens-minute", "", True),
    Room("x-ratelimit-remaining", "x-ratelimit-reset", False),
    Room("x-tokenlimit-remaining", "x-ratelimit-reset", True),
)


class Told(Protocol):
    """An answer whose headers can be asked for."""

    def header(self, name: str) -> str | None: ...


def wait_of(call: Told, told_s: float | None) -> float | None:
    """Return how long the provider asks to wait, made sensible: 0 to 120 seconds.

    `told_s` is what its body says, where the headers say nothing.
    """
    if text := call.header("retry-after-ms"):
        seconds = _number(text)
        return None if seconds is None else _clamped(seconds / 1000)
    text = call.header("retry-after") or ""
    seconds = _number(text)
    if seconds is None:
        try:
            seconds = parsedate_to_datetime(text).timestamp() - time.time()
        except (ValueError, TypeError, OverflowError):
            seconds = told_s
    return None if seconds is None else _clamped(seconds)


def guessed_wait(in_a_row: int) -> float:
    """Return how long to wait when the provider does not say; longer each time."""
    return min(FIRST_WAIT_S * 2.0 ** min(max(in_a_row - 1, 0), 10), LONGEST_GUESS_S)


def rooms_told(call: Told) -> tuple[Room, ...]:
    """Return those of the limits that the answer says something about."""
    return tuple(room for room in ROOMS if call.header(room.remaining) is not None)


def scarce_for(
    call: Told, rooms: tuple[Room, ...], requests: int, tokens: int
) -> float:
    """Return how long the next request should rather go elsewhere; 0: it need not.

    That is when fewer requests or tokens are left than these.
    """
    longest = 0.0
    for room in rooms:
        left = _whole(call.header(room.remaining))
        # Below zero is what some say who do not count.
        if left is not None and 0 <= left <= (tokens if room.of_tokens else requests):
            wait = _until(call.header(room.reset)) if room.reset else None
            longest = max(longest, _SOON_S if wait is None else wait)
    return min(longest, _LONGEST_LAST_S)


def _until(text: str | None) -> float | None:
    """Return the seconds until a reset: a number, `6m0s`, or a moment as RFC 3339."""
    if not text or len(text) > 40:
        return None
    seconds = _number(text)
    if seconds is None and (found := _DURATION.fullmatch(text)) is not None:
        parts = zip(found.groups(), _IN_SECONDS, strict=True)
        seconds = sum(float(number) * unit for number, unit in parts if number)
    if seconds is None:
        try:
            seconds = datetime.fromisoformat(text).timestamp() - time.time()
        except (ValueError, OverflowError):
            return None
    return max(seconds, 0.0)


def _clamped(seconds: float) -> float:
    return min(max(seconds, 0.0), MAX_WAIT_S)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return None if math.isnan(number) else number


def _whole(text: str | None) -> int | None:
    if text is None or len(text) > 20:
        return None
    try:
        return int(text)
    except ValueError:
        return None
