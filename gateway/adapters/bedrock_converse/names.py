"""Ids and names in the alphabets that the protocol allows."""

import re
import zlib

_GOOD_ID = re.compile(r"[a-zA-Z0-9_.:-]{1,64}")
_GOOD_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_BAD_ID_CHARACTERS = re.compile(r"[^a-zA-Z0-9_.:-]")
_BAD_NAME_CHARACTERS = re.compile(r"[^a-zA-Z0-9_-]|-x(?=[0-9a-f]{2})")
_ESCAPED = re.compile(r"-x([0-9a-f]{2,6})-")
_LONGEST = 64
# What is left of a name that had to be cut, before its checksum.
_KEPT = 55

_BAD_TITLE_CHARACTERS = re.compile(r"[^A-Za-z0-9()\[\] -]+")
_SPACES = re.compile(r"\s{2,}")
_LONGEST_TITLE = 200


def tool_id(foreign: str) -> str:
    """Return an id that the protocol accepts; the same for a call and its result."""
    if _GOOD_ID.fullmatch(foreign):
        return foreign
    return _cut(_BAD_ID_CHARACTERS.sub("_", foreign), foreign)


def tool_name(name: str) -> str:
    """Return a name that the protocol accepts, from which `original_name` comes back.

    One that is too long by then is cut, and does not come back.
    """
    if _GOOD_NAME.fullmatch(name) and "-x" not in name:
        return name
    escaped = _BAD_NAME_CHARACTERS.sub(
        lambda found: f"-x{ord(found[0][0]):02x}-" + found[0][1:], name
    )
    return escaped if 0 < len(escaped) <= _LONGEST else _cut(escaped, name)


def original_name(name: str) -> str:
    """Return the name as the client wrote it."""
    return _ESCAPED.sub(_unescaped, name) if "-x" in name else name


def document_title(name: str, taken: set[str]) -> str:
    """Return a title for a document that no other one of the request has."""
    title = _SPACES.sub(" ", _BAD_TITLE_CHARACTERS.sub("-", name)).strip()
    title = title[:_LONGEST_TITLE] or "document"
    number, unique = 1, title
    while unique in taken:
        number += 1
        unique = f"{title[: _LONGEST_TITLE - 8]} {number}"
    taken.add(unique)
    return unique


def _unescaped(found: re.Match[str]) -> str:
    code = int(found[1], 16)
    is_character = code <= 0x10FFFF and not 0xD800 <= code <= 0xDFFF
    return chr(code) if is_character else found[0]


def _cut(text: str, original: str) -> str:
    digest = zlib.crc32(original.encode("utf-8", "replace"))
    return f"{text[:_KEPT]}_{digest:08x}"
