"""Expired answers are cleared away, some at a time."""

from datetime import timedelta

import pytest
from django.utils import timezone

from tenants.models import Project
from usage.cache_entries import (
    NewEntry,
    add_hits,
    clear_expired,
    known_keys,
    sealed_by_key,
    store_entries,
)
from usage.models import CacheEntry

pytestmark = pytest.mark.django_db


def new(
    project_id: int, key: str, seconds: float = 60.0, value: bytes = b"x"
) -> NewEntry:
    now = timezone.now().timestamp()
    return NewEntry(
        key=key,
        project_id=project_id,
        operation="chat",
        alias="fast",
        provider="acme",
        model="large",
        sealed=value,
        saved_usd=None,
        created_at=now,
        expires_at=now + seconds,
    )


def test_expired_answers_go_and_others_stay(project: Project) -> None:
    store_entries([new(project.pk, f"old-{n}", seconds=-1) for n in range(25)])
    store_entries([new(project.pk, "fresh")])

    assert clear_expired(batch=10, max_batches=1) == 10
    assert clear_expired(batch=10) == 15
    assert clear_expired() == 0
    assert CacheEntry.objects.for_project(project).get().key == "fresh"


def test_an_expired_answer_is_not_read_before_it_is_cleared(project: Project) -> None:
    store_entries([new(project.pk, "old", seconds=-1), new(project.pk, "fresh")])

    assert sealed_by_key("old", project.pk) is None
    assert sealed_by_key("fresh", project.pk) == b"x"
    assert list(known_keys(project.pk, 9)) == ["fresh"]


def test_an_answer_is_only_read_for_its_own_project(
    project: Project, other_project: Project
) -> None:
    store_entries([new(project.pk, "k")])

    assert sealed_by_key("k", other_project.pk) is None
    assert list(known_keys(other_project.pk, 9)) == []


def test_a_newer_answer_takes_the_place_of_the_older(project: Project) -> None:
    store_entries([new(project.pk, "k", value=b"one")])
    store_entries([new(project.pk, "k", value=b"other")])

    entry = CacheEntry.objects.for_project(project).get()
    assert (bytes(entry.sealed), entry.size) == (b"other", 5)


def test_answers_of_a_project_that_is_gone_are_let_go(project: Project) -> None:
    store_entries([new(project.pk, "k"), new(project.pk + 999, "lost")])

    assert CacheEntry.objects.get().key == "k"


def test_hits_are_added(project: Project) -> None:
    store_entries([new(project.pk, "k"), new(project.pk, "l")])
    add_hits({"k": 2, "gone": 7})
    add_hits({"k": 3, "l": 1})
    add_hits({})

    counts = dict(CacheEntry.objects.values_list("key", "hit_count"))
    assert counts == {"k": 5, "l": 1}
    latest = CacheEntry.objects.get(key="k").last_hit_at
    assert latest is not None
    assert timezone.now() - latest < timedelta(minutes=1)
