"""Sketched times, right to one percent of the time.

The buckets are DDSketch's: PostgreSQL counts events in them, so that sketches are merged
by adding, and the library's mapping says which time a bucket stands for.
"""

import math

from ddsketch.mapping import LogarithmicMapping

ACCURACY = 0.01
# Shorter times are counted as this one.
LEAST_MS = 0.001

_mapping = LogarithmicMapping(ACCURACY)
LOG_GAMMA = math.log(_mapping.gamma)


def time_of(bucket: int | None) -> float | None:
    """Return the milliseconds that a bucket stands for."""
    return None if bucket is None else round(float(_mapping.value(bucket)), 3)
