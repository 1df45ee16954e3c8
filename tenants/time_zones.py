"""The time zones in which days, weeks and months are counted."""

import zoneinfo

from django.core.exceptions import ValidationError


def check_time_zone(value: str) -> None:
    """Refuse what is no IANA name."""
    if value not in zoneinfo.available_timezones():
        msg = f"{value} is no time zone; use an IANA name such as Europe/Berlin."
        raise ValidationError(msg)
