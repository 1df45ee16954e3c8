"""How a web process ends: first unready, then closed to new connections, then over."""

import os


def delay_seconds() -> float:
    """Return how long to go on serving while a load balancer notices the end."""
    return float(os.environ.get("SIGNALBOX_DRAIN_DELAY_SECONDS") or 0)


def drain_seconds() -> int:
    """Return how long running requests may take to end after that."""
    return int(os.environ.get("SIGNALBOX_DRAIN_SECONDS") or 30)
