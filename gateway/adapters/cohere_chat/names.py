"""Names of tools, which here are letters, digits and underscores.

Whatever else a name holds is written as `_u002d_` (its code point) and read back the
same way, so that what a request renamed is known from the answer alone.
"""

import re

_PLAIN = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_MARK = re.compile(r"_u([0-9a-f]{4,6})_")
# What a written name holds as it is: an underscore before a `u` begins a mark.
_WRITTEN = re.compile(r"\A[0-9]|[^a-zA-Z0-9_]|_(?=u)")
_SURROGATES = range(0xD800, 0xE000)
_END = 0x110000


def written_name(name: str) -> str:
    if _PLAIN.fullmatch(name) and not _MARK.search(name):
        return name
    return _WRITTEN.sub(lambda found: f"_u{ord(found[0]):04x}_", name)


def read_name(name: str) -> str:
    return _MARK.sub(_character, name)


def _character(found: re.Match[str]) -> str:
    code = int(found[1], 16)
    return found[0] if code in _SURROGATES or code >= _END else chr(code)
