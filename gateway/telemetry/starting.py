"""Whether there is a collector to tell."""

from django.conf import settings

from gateway.telemetry.telling import Telemetry


def start_telemetry() -> Telemetry | None:
    """Return who tells the collector from this process; None where none is configured.

    Each process starts its own, after it was forked or spawned.
    """
    if not settings.TELEMETRY:
        return None
    # The libraries cost a fifth of a second and some megabytes; only who asked pays.
    from gateway.telemetry.collector import Collector

    return Collector(settings.TELEMETRY)
