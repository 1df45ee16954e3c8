"""Taking out of texts what nobody should keep: keys, e-mail addresses, card numbers.

Patterns are RE2's, which takes time in proportion to the text whatever the pattern is.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import re2
from django.core.exceptions import ValidationError

MAX_PATTERNS = 50
_MAX_PATTERN_LENGTH = 500
_MAX_MEMORY = 1024 * 1024

_KEY = "[key]"
_EMAIL = "[email]"
_CARD = "[card]"
_OWN = "[redacted]"

_KEYS = re2.compile(
    r"\b(?:sk|pk|rk|sb|sbo|gsk|xai|pplx|hf|r8|ghp|gho|ghs|github_pat|glpat|xox[abp]|whsec)"
    r"[-_][A-Za-z0-9_\-]{16,}"
    r"|\bAKIA[0-9A-Z]{16}\b"
    r"|\bAIza[0-9A-Za-z_\-]{35}"
    r"|\beyJ[A-Za-z0-9_\-]{10,}\.[A-Za-z0-9_\-]{10,}\.[A-Za-z0-9_\-]{10,}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----[A-Za-z0-9+/=\\\s]+-----END [A-Z ]*PRIVATE KEY-----"
)
_EMAILS = re2.compile(
    r"[A-Za-z0-9._%+\-]{1,64}@[A-Za-z0-9\-]+(?:\.[A-Za-z0-9\-]+)*\.[A-Za-z]{2,}"
)
_CARDS = re2.compile(r"\b[0-9](?:[ \-]?[0-9]){12,18}\b")


def check_patterns(patterns: object) -> None:
    """Refuse what is no list of RE2 patterns."""
    if not isinstance(patterns, list) or len(patterns) > MAX_PATTERNS:
        msg = f"This is a list of at most {MAX_PATTERNS} patterns."
        raise ValidationError(msg)
    for pattern in patterns:
        if not isinstance(pattern, str) or not 0 < len(pattern) <= _MAX_PATTERN_LENGTH:
            msg = f"A pattern is a text of 1 to {_MAX_PATTERN_LENGTH} characters."
            raise ValidationError(msg)
        try:
            _compiled(pattern)
        except re2.error as error:
            msg = f"{pattern!r} is no pattern of RE2: {error}"
            raise ValidationError(msg) from error


def redacted(text: str, patterns: Iterable[str] = ()) -> str:
    """Return the text without keys, e-mail addresses, card numbers and a project's own.

    What a pattern matches is replaced; a pattern that is none is passed over.
    """
    text = _KEYS.sub(_KEY, text)
    text = _EMAILS.sub(_EMAIL, text)
    text = _CARDS.sub(_card_or_not, text)
    for pattern in patterns:
        try:
            text = _compiled(pattern).sub(_OWN, text)
        except re2.error:
            continue
    return text


@lru_cache(maxsize=1_000)
def _compiled(pattern: str) -> Any:
    options = re2.Options()
    options.max_mem = _MAX_MEMORY
    options.log_errors = False
    return re2.compile(pattern, options)


def _card_or_not(found: Any) -> str:
    text = str(found.group())
    digits = [int(each) for each in text if each.isdigit()]
    return _CARD if _is_card(digits) else text


def _is_card(digits: list[int]) -> bool:
    """Tell whether the last digit is the check digit of the others (Luhn)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        doubled = digit * 2 if place % 2 else digit
        total += doubled - 9 if doubled > 9 else doubled
    return total % 10 == 0
