"""The answers that are kept: read, written, counted, purged and cleared away."""

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

import redis
from django.conf import settings
from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from tenants.models import Project
from usage.clearing import BATCH, MAX_BATCHES, delete_in_batches
from usage.models import CacheEntry

logger = logging.getLogger(__name__)

# Purges older than any answer can be.
_PURGE_KEPT_S = 31 * 86_400


@dataclass(frozen=True, slots=True)
class NewEntry:
    """An answer on its way to the table; times in seconds since 1970."""

    key: str
    project_id: int
    operation: str
    alias: str
    provider: str
    model: str
    sealed: bytes
    saved_usd: Decimal | None
    created_at: float
    expires_at: float


def redis_name(key: str, project_id: int) -> str:
    """Return the name of an answer in Redis; what belongs to it begins with it as well."""
    return f"sb:cache:{{{project_id}:{key}}}"


def known_keys(project_id: int, limit: int) -> Iterable[str]:
    """Return the keys of the project's newest answers."""
    kept = CacheEntry.objects.filter(
        project_id=project_id, expires_at__gt=timezone.now()
    )
    return kept.order_by("-created_at").values_list("key", flat=True)[:limit]


def sealed_by_key(key: str, project_id: int) -> bytes | None:
    """Return the sealed answer; None when there is none, or it has expired."""
    found = (
        CacheEntry.objects.filter(
            key=key, project_id=project_id, expires_at__gt=timezone.now()
        )
        .values_list("sealed", flat=True)
        .first()
    )
    return None if found is None else bytes(found)


def store_entries(entries: Sequence[NewEntry]) -> None:
    """Write the answers, each in place of an earlier one; projects that are gone have none."""
    wanted = {entry.project_id for entry in entries}
    if not wanted:
        return
    there = set(Project.objects.filter(id__in=wanted).values_list("id", flat=True))
    rows = [_row(entry) for entry in entries if entry.project_id in there]
    # In one order, so that two processes do not wait for one another.
    rows.sort(key=lambda row: row.key)
    CacheEntry.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["key"],
        update_fields=[
            "alias",
            "provider",
            "model",
            "sealed",
            "size",
            "saved_usd",
            "created_at",
            "expires_at",
        ],
    )


def add_hits(hits: Mapping[str, int]) -> None:
    """Add to the hit counts, all of them in one statement."""
    if not hits:
        return
    keys = sorted(hits)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE usage_cacheentry SET hit_count = hit_count + hits.number, "
            "last_hit_at = now() "
            "FROM unnest(%s::text[], %s::bigint[]) AS hits (key, number) "
            "WHERE usage_cacheentry.key = hits.key",
            [keys, [hits[key] for key in keys]],
        )


def clear_expired(batch: int = BATCH, max_batches: int = MAX_BATCHES) -> int:
    """Delete expired answers, some at a time, and return how many."""
    return delete_in_batches(CacheEntry.objects.expired(), batch, max_batches)


def purge(project: Project | None = None, *, alias: str = "", model: str = "") -> int:
    """Forget answers, and return how many of them were in the table.

    `model` is `provider/model`. Every process learns of it as of any other change of the
    configuration, and gives no such answer again, wherever it is kept.
    """
    chosen = CacheEntry.objects.all()
    if project is not None:
        chosen = chosen.filter(project=project)
    if alias:
        chosen = chosen.filter(alias=alias)
    if model:
        provider, _, model_id = model.partition("/")
        chosen = chosen.filter(provider=provider, model=model_id)
    name = f"alias:{alias}" if alias else f"model:{model}" if model else ""
    concerned = (
        Project.objects.filter(id=project.pk)
        if project is not None
        else Project.objects.filter(id__in=chosen.order_by().values("project_id"))
    )
    for each in concerned.only("id", "cache_purges").iterator():
        _mark(each.pk, name)
    return _delete_everywhere(chosen)


def _mark(project_id: int, name: str) -> None:
    now = time.time()
    with transaction.atomic():
        project = Project.objects.select_for_update().get(id=project_id)
        purges = {
            each: moment
            for each, moment in project.cache_purges.items()
            if moment > now - _PURGE_KEPT_S
        }
        project.cache_purges = {**purges, name: now}
        project.save(update_fields=["cache_purges"])


def _delete_everywhere(chosen: QuerySet[CacheEntry]) -> int:
    deleted = 0
    columns = ("id", "key", "project_id")
    while found := list(chosen.order_by("id").values_list(*columns)[:BATCH]):
        _unlink([redis_name(key, project_id) for _, key, project_id in found])
        ids = [pk for pk, _, _ in found]
        deleted += CacheEntry.objects.filter(id__in=ids).delete()[0]
    return deleted


def _unlink(names: list[str]) -> None:
    """Delete from Redis as well; one that is away keeps what nobody is given again."""
    try:
        with redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2.0) as client:
            client.unlink(*names)
    except redis.RedisError as error:
        logger.warning("answers left in redis", extra={"why": type(error).__name__})


def _row(entry: NewEntry) -> CacheEntry:
    return CacheEntry(
        key=entry.key,
        project_id=entry.project_id,
        operation=entry.operation,
        alias=entry.alias,
        provider=entry.provider,
        model=entry.model,
        sealed=entry.sealed,
        size=len(entry.sealed),
        saved_usd=entry.saved_usd,
        created_at=_moment(entry.created_at),
        expires_at=_moment(entry.expires_at),
    )


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
