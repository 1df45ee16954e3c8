"""What one answer used, in one vocabulary for every provider."""

from decimal import Decimal

import msgspec

_BYTES_PER_TOKEN = 4


class Tokens(msgspec.Struct, frozen=True):
    """What an answer used. Totals contain their parts.

    `input` holds cache reads, cache writes and audio; `output` holds reasoning and
    audio. `other` counts what is not a text token: audio_in, audio_out (tokens), image,
    character, second, search. `estimated`: the provider reported nothing usable.
    `cost_usd` is what the provider says that the answer cost.
    """

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0
    reasoning: int = 0
    other: dict[str, int] = {}
    estimated: bool = False
    cost_usd: Decimal | None = None


def estimate_tokens(size: int) -> int:
    """Return about how many tokens that many bytes of text are; never less than one."""
    return max(1, size // _BYTES_PER_TOKEN)
