"""Lua scripts and other commands in the form in which Redis reads them."""

import hashlib
from typing import Any, Final, cast

import hiredis

_pack_command: Any = hiredis.pack_command


def pack(*parts: str | int | bytes) -> bytes:
    return cast(bytes, _pack_command(parts))


def bulk(text: bytes) -> bytes:
    """Return one part of a command; parts can be put together again and again."""
    return b"$%d\r\n%b\r\n" % (len(text), text)


class Script:
    """A Lua script, called by its digest."""

    def __init__(self, source: str) -> None:
        self.source: Final = source.encode()
        digest = hashlib.sha1(self.source, usedforsecurity=False)
        self.digest: Final = digest.hexdigest()
        self._named: Final = bulk(b"EVALSHA") + bulk(self.digest.encode())

    def call(
        self, keys: tuple[str, ...], arguments: tuple[str | int | bytes, ...]
    ) -> bytes:
        return pack("EVALSHA", self.digest, len(keys), *keys, *arguments)

    def call_in_full(
        self, keys: tuple[str, ...], arguments: tuple[str | int | bytes, ...]
    ) -> bytes:
        """Return the call for a server that does not know the script, or forgot it."""
        return pack("EVAL", self.source, len(keys), *keys, *arguments)

    def call_with(self, parts: int, packed: bytes, *, in_full: bool = False) -> bytes:
        """Return the call with what follows the script: so many parts, packed already."""
        named = bulk(b"EVAL") + bulk(self.source) if in_full else self._named
        return b"*%d\r\n%b%b" % (parts + 2, named, packed)

    def load(self) -> bytes:
        return pack("SCRIPT", "LOAD", self.source)
