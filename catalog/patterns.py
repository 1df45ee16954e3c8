"""Path patterns of endpoints: literal segments, `{placeholders}`, a constant query."""

import re
from urllib.parse import quote

from django.core.exceptions import ValidationError

PLACEHOLDERS = ("model", "deployment", "voice")

_TOKEN = re.compile(r"\{([^{}]*)\}")
_LITERAL = re.compile(r"[A-Za-z0-9._~:@!$&'()+,;=/-]*")
_PAIR = r"[A-Za-z0-9._~-]+=[A-Za-z0-9._~:@,-]*"
_QUERY = re.compile(rf"{_PAIR}(&{_PAIR})*")


def check_pattern(pattern: str) -> None:
    """Refuse what is no path pattern, saying what to write instead."""
    if not pattern.startswith("/"):
        msg = f"A pattern starts with a slash: /{pattern}"
        raise ValidationError(msg)
    path, mark, query = pattern.partition("?")
    if "//" in path or "/../" in f"{path}/" or "/./" in f"{path}/":
        msg = "A pattern has no empty, '.' or '..' segments."
        raise ValidationError(msg)
    names = _TOKEN.findall(path)
    for name in names:
        if name not in PLACEHOLDERS:
            known = ", ".join(f"{{{known}}}" for known in PLACEHOLDERS)
            msg = f"{{{name}}} is no placeholder; there are {known}."
            raise ValidationError(msg)
        if names.count(name) > 1:
            msg = f"{{{name}}} stands twice in the pattern."
            raise ValidationError(msg)
    literal = _TOKEN.sub("", path)
    if not _LITERAL.fullmatch(literal):
        msg = (
            "A pattern holds letters, digits, '-._~:@/' and {placeholders}; "
            "it is no regular expression."
        )
        raise ValidationError(msg)
    if mark and not _QUERY.fullmatch(query):
        msg = (
            "The query of a pattern is constant: ?name=value&name=value, of letters, "
            "digits and '-._~:@,'."
        )
        raise ValidationError(msg)


def path_of(pattern: str) -> str:
    """Return the pattern without its query."""
    return pattern.partition("?")[0]


def build_path(pattern: str, **values: str) -> str:
    """Fill the placeholders, each value quoted so that it stays one segment."""
    # A colon is quoted as well: the one after a placeholder is the pattern's own, and
    # signatures of Amazon are counted over paths that hold none.
    return _TOKEN.sub(lambda found: quote(values[found[1]], safe="@"), pattern)
