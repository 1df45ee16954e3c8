"""The breakers that are not closed, of all processes of this host that are alive."""

import time

from django.conf import settings

from gateway.metrics.slots import GONE_SECONDS, figures_in
from usage.analytics.open_breakers import OpenBreaker

_FAMILY = "target_breaker"


def open_breakers() -> list[OpenBreaker]:
    now = time.time()
    found = {
        OpenBreaker(*sample.labels)
        for figures in figures_in(settings.METRICS_DIR).values()
        if now - figures.at < GONE_SECONDS
        for sample in figures.gauges
        if sample.family == _FAMILY
    }
    return sorted(found)
