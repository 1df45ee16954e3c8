"""Project keys: `sb_<key id>_<secret>_<checksum>`; operator tokens begin with `sbo_`.

The checksum lets a mistyped or truncated key be refused without a look-up. It is
no protection: that is the secret's 256 bits, of which only a digest is stored.

Keys that were not made here are known by their SHA-256 alone, whatever their text; what
they are looked up by is the beginning of it.
"""

import hashlib
import re
import secrets
import string
import zlib
from dataclasses import dataclass, field

PROJECT_PREFIX = "sb"
OPERATOR_PREFIX = "sbo"

_ALPHABET = string.digits + string.ascii_letters
_PREFIX_LENGTH = len("sb_")
_KEY_ID_LENGTH = 14
_SECRET_LENGTH = 43
_CHECKSUM_LENGTH = 6
_IMPORTED_ID_LENGTH = 32
# What is shorter or longer than this, or has a space in it, is nobody's key.
_FOREIGN = re.compile(r"[!-~]{16,256}")
_SHAPES = {
    prefix: re.compile(
        rf"{prefix}_([0-9A-Za-z]{{{_KEY_ID_LENGTH}}})"
        rf"_[0-9A-Za-z]{{{_SECRET_LENGTH}}}_([0-9A-Za-z]{{{_CHECKSUM_LENGTH}}})"
    )
    for prefix in (PROJECT_PREFIX, OPERATOR_PREFIX)
}


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key just made; `text` is what the client keeps."""

    key_id: str
    digest: bytes
    text: str = field(repr=False)


def new_key(prefix: str = PROJECT_PREFIX) -> NewKey:
    key_id = _random(_KEY_ID_LENGTH)
    unsigned = f"{prefix}_{key_id}_{_random(_SECRET_LENGTH)}"
    text = f"{unsigned}_{_checksum(unsigned)}"
    return NewKey(key_id=key_id, digest=digest_of(text), text=text)


def key_id_of(text: str, prefix: str = PROJECT_PREFIX) -> str | None:
    """Return the key id, or None for what cannot be a key of ours."""
    match = _SHAPES[prefix].fullmatch(text)
    if match is None:
        return None
    unsigned = text[: -_CHECKSUM_LENGTH - 1]
    return match[1] if _checksum(unsigned) == match[2] else None


def key_id_in(text: str) -> str:
    """Return what stands where the key id would, unchecked."""
    return text[_PREFIX_LENGTH : _PREFIX_LENGTH + _KEY_ID_LENGTH]


def imported_id_of(text: str) -> str | None:
    """Return what a key that was not made here is looked up by; None for no such key."""
    if _FOREIGN.fullmatch(text) is None or any(
        shape.fullmatch(text) for shape in _SHAPES.values()
    ):
        return None
    return imported_id(digest_of(text))


def imported_id(digest: bytes) -> str:
    return digest.hex()[:_IMPORTED_ID_LENGTH]


def digest_of(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def _checksum(unsigned: str) -> str:
    number = zlib.crc32(unsigned.encode())
    digits = ""
    for _ in range(_CHECKSUM_LENGTH):
        number, rest = divmod(number, len(_ALPHABET))
        digits = _ALPHABET[rest] + digits
    return digits
