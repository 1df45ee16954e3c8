"""How much of a project's limits is used now, read from Redis without charging anything."""

import logging

import redis
from django.conf import settings
from django.db.models import Q

from gateway.callers import project_caller
from gateway.configuration.limit_loading import read_limits
from gateway.configuration.records import LimitRecord
from gateway.configuration.tenant_loading import read_project
from gateway.limits.claims import name_of
from gateway.limits.limiter import KEY_PREFIX

logger = logging.getLogger(__name__)

# The scripts count from the beginning of 2025, in microseconds.
_EPOCH_S = 1_735_689_600
_ANSWER_S = 0.5
_MAX_LIMITS = 200


def limit_levels(project_id: int) -> dict[int, float]:
    """Return the share in use by limit; nothing when Redis does not answer.

    What holds for each end user apart is left out: there may be a million of them.
    """
    project = read_project(project_id)
    if project is None:
        return {}
    caller = project_caller(project)
    found = read_limits(Q(project_id=project_id)).values()
    limits = [each for group in found for each in group if not each.each_end_user]
    named = [
        (each, KEY_PREFIX + name_of(caller, each)) for each in limits[:_MAX_LIMITS]
    ]
    try:
        return _read(named) if named else {}
    except redis.RedisError as error:
        logger.warning("limits not read", extra={"why": type(error).__name__})
        return {}


def _read(named: list[tuple[LimitRecord, str]]) -> dict[int, float]:
    with redis.Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=_ANSWER_S,
        socket_connect_timeout=_ANSWER_S,
    ) as client:
        seconds, microseconds = client.time()
        now = (seconds - _EPOCH_S) * 1_000_000 + microseconds
        asking = client.pipeline(transaction=False)
        for limit, key in named:
            if limit.per_s:
                asking.get(key)
            else:
                asking.zcount(key, now, "+inf")
        answers = asking.execute()
    return {
        limit.id: _share(limit, answer, now)
        for (limit, _), answer in zip(named, answers, strict=True)
    }


def _share(limit: LimitRecord, answer: bytes | int | None, now: int) -> float:
    if not limit.per_s:
        return min(int(answer or 0) / limit.amount, 1.0)
    full = float(answer) if answer is not None else now
    return min(max(full - now, 0.0) / (limit.per_s * 1_000_000), 1.0)
