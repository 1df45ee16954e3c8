"""Parts of hours: how finely sums are kept where local time is not whole hours from UTC."""

from datetime import UTC, datetime
from functools import cache
from math import gcd
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.db import connection, transaction

from tenants.models import Organization
from usage.days import first_kept, start_of
from usage.models.rollup import SplitHour

WHOLE = 60
_YEARS = range(2000, 2038)
_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


@cache
def minutes_of(zone: str) -> int:
    """Return the parts, in minutes, in which each local hour of the zone is whole.

    Those of a zone that does not exist are whole hours.
    """
    try:
        info = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        return WHOLE
    parts = WHOLE
    for year in _YEARS:
        for month in range(1, 13):
            offset = datetime(year, month, 1, tzinfo=info).utcoffset()
            assert offset is not None  # noqa: S101  # A zone always knows.
            parts = gcd(parts, int(offset.total_seconds() // 60) % WHOLE)
    return parts


def follow_time_zones() -> None:
    """Split the hours of organizations as their zones ask for.

    Hours whose events are kept are rolled up anew; older ones stay as they are.
    """
    zones = Organization.objects.exclude(time_zone="UTC").values_list("id", "time_zone")
    wanted = {pk: minutes_of(zone) for pk, zone in zones}
    wanted = {pk: minutes for pk, minutes in wanted.items() if minutes < WHOLE}
    known = dict(SplitHour.objects.values_list("organization_id", "minutes"))
    if wanted != known:
        for pk in wanted.keys() | known.keys():
            if wanted.get(pk) != known.get(pk):
                _split(pk, wanted.get(pk, WHOLE))


@transaction.atomic
def _split(organization_id: int, minutes: int) -> None:
    if minutes == WHOLE:
        SplitHour.objects.filter(organization_id=organization_id).delete()
    else:
        SplitHour.objects.update_or_create(
            organization_id=organization_id, defaults={"minutes": minutes}
        )
    oldest = first_kept()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO usage_touchedhour (hour) "
            "SELECT DISTINCT date_trunc('hour', hour, 'UTC') FROM usage_hourlyusage "
            "WHERE organization_id = %s AND hour >= %s",
            [organization_id, start_of(oldest) if oldest else _LONG_AGO],
        )
