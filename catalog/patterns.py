"""Path patterns of endpoints: literal segments and `{placeholders}`, nothing else."""

import re
from urllib.parse import quote

from django.core.exceptions import ValidationError

PLACEHOLDERS = ("model", "deployment", "voice")

_TOKEN = re.compile(r"\{([^{}]*)\}")
_LITERAL = re.compile(r"[A-Za-z0-9._~:@!$&'()+,;=/-]*")


def check_pattern(pattern: str) -> None:
    """Refuse what is no path pattern, saying what to write instead."""
    if not pattern.startswith("/"):
        msg = f"A pattern starts with a slash: /{pattern}"
        raise ValidationError(msg)
    if "//" in pattern or "/../" in f"{pattern}/" or "/./" in f"{pattern}/":
        msg = "A pattern has no empty, '.' or '..' segments."
        raise ValidationError(msg)
    names = _TOKEN.findall(pattern)
    for name in names:
        if name not in PLACEHOLDERS:
            known = ", ".join(f"{{{known}}}" for known in PLACEHOLDERS)
            msg = f"{{{name}}} is no placeholder; there are {known}."
            raise ValidationError(msg)
        if names.count(name) > 1:
            msg = f"{{{name}}} stands twice in the pattern."
            raise ValidationError(msg)
    literal = _TOKEN.sub("", pattern)
    if not _LITERAL.fullmatch(literal):
        msg = (
            "A pattern holds letters, digits, '-._~:@/' and {placeholders}; "
            "it is no regular expression and has no query string."
        )
        raise ValidationError(msg)


def build_path(pattern: str, **values: str) -> str:
    """Fill the placeholders, each value quoted so that it stays one segment."""
    return _TOKEN.sub(lambda found: quote(values[found[1]], safe=":@"), pattern)
