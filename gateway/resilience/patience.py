"""How long a client says that it waits for an answer."""

from collections.abc import Mapping

from gateway.types import NEVER

# Google's clients send the first, Anthropic's and OpenAI's the others.
_HEADERS = (b"x-server-timeout", b"x-stainless-timeout", b"x-stainless-read-timeout")


def patience_in(headers: Mapping[bytes, bytes]) -> float:
    """Return the shortest wait that a header tells, in seconds; what is none is ignored."""
    shortest = NEVER
    for name in _HEADERS:
        if (value := headers.get(name)) is not None:
            try:
                seconds = float(value)
            except ValueError:
                continue
            # Neither "nan" nor "-1" bounds anything.
            if 0 < seconds < shortest:
                shortest = seconds
    return shortest
