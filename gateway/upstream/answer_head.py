"""The head of an answer: how large it may be, and its headers, which hardly anybody asks for."""

# What aiohttp allows.
_MAX_HEAD_BYTES = 8_190
_MAX_HEADERS = 128


class AnswerHeaders:
    """Headers as they came, found by name once somebody asks."""

    __slots__ = ("_by_name", "_found")

    def __init__(self, found: dict[bytes, bytes]) -> None:
        self._found = found
        self._by_name: dict[str, str] | None = None

    def get(self, name: str, default: str | None = None) -> str | None:
        """Return the value of a header, however its name is written."""
        if self._by_name is None:
            self._by_name = {
                known.decode("latin-1").lower(): value.decode(
                    "utf-8", "surrogateescape"
                )
                for known, value in self._found.items()
            }
        return self._by_name.get(name.lower(), default)


def is_small(data: bytes, head: int) -> bool:
    """Say whether the first so many bytes are a head that is not too large."""
    return head <= _MAX_HEAD_BYTES and data.count(b"\n", 0, head) <= _MAX_HEADERS
