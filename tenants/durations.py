"""Durations as commands take them: 90d, 12h, 2w."""

import re
from datetime import timedelta

_DURATION = re.compile(r"(\d{1,5})([hdw])")
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


def parse_duration(text: str) -> timedelta:
    """Return the duration; ValueError with advice when it is none."""
    match = _DURATION.fullmatch(text.strip())
    if match is None or int(match[1]) == 0:
        msg = f"{text!r} is no duration; write hours, days or weeks: 12h, 90d, 2w."
        raise ValueError(msg)
    return int(match[1]) * _UNITS[match[2]]
