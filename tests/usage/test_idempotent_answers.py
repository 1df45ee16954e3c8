"""The table of requests that carry a key: claimed, answered, freed and cleared."""

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from tenants.models import Project
from usage.idempotent_answers import (
    KEPT_S,
    Claim,
    answer,
    claim,
    clear_expired,
    extend,
    free,
)
from usage.models import IdempotentAnswer
from usage.tasks import clear_expired_answers

pytestmark = pytest.mark.django_db

LEASE_S = 15.0


def wanted(project: Project, digest: str = "d", fingerprint: str = "f") -> Claim:
    return Claim(digest, project.pk, fingerprint, str(uuid.uuid4()))


def test_who_comes_first_has_the_key(project: Project) -> None:
    first = wanted(project)
    assert claim(first, LEASE_S) is None

    taken = claim(wanted(project, fingerprint="other"), LEASE_S)

    assert taken is not None
    assert (taken.fingerprint, taken.is_answered, taken.sealed) == ("f", False, None)
    # A statement that is sent twice because its answer was lost does no harm.
    assert claim(first, LEASE_S) is None


def test_an_answer_is_found_for_a_day(project: Project) -> None:
    first = wanted(project)
    claim(first, LEASE_S)

    assert answer(first, b"sealed")

    taken = claim(wanted(project), LEASE_S)
    assert taken is not None
    assert (taken.is_answered, taken.sealed) == (True, b"sealed")
    row = IdempotentAnswer.objects.for_project(project).get()
    assert row.answered_at is not None
    assert row.expires_at - row.answered_at == timedelta(seconds=KEPT_S)


def test_what_is_freed_or_left_may_be_claimed_again(project: Project) -> None:
    first, second, third = (wanted(project) for _ in range(3))
    claim(first, LEASE_S)
    free(first)
    assert claim(second, LEASE_S) is None
    extend([second], 0.0)
    assert claim(third, LEASE_S) is None


def test_who_has_lost_the_key_changes_nothing(project: Project) -> None:
    first, second = wanted(project), wanted(project)
    claim(first, 0.0)
    claim(second, 0.0)

    assert not answer(first, b"late")
    free(first)
    extend([first], LEASE_S)

    assert IdempotentAnswer.objects.get().sealed is None
    assert claim(wanted(project), LEASE_S) is None


def test_an_answer_is_neither_freed_nor_taken_when_the_lease_is_over(
    project: Project,
) -> None:
    first = wanted(project)
    claim(first, 0.0)
    answer(first, b"sealed")
    free(first)

    taken = claim(wanted(project), LEASE_S)
    assert taken is not None
    assert taken.is_answered


def test_leases_are_extended_together(project: Project) -> None:
    held = [wanted(project, digest=f"d{n}") for n in range(3)]
    for each in held:
        claim(each, 0.0)

    extend(held[:2], LEASE_S)

    again = [claim(wanted(project, digest=each.digest), LEASE_S) for each in held]
    assert [taken is None for taken in again] == [False, False, True]


def test_what_has_expired_is_cleared_some_at_a_time(project: Project) -> None:
    for number in range(25):
        claim(wanted(project, digest=f"d{number}"), LEASE_S)
    IdempotentAnswer.objects.update(expires_at=timezone.now())
    claim(wanted(project, digest="fresh"), LEASE_S)

    assert clear_expired(batch=10, max_batches=1) == 10
    clear_expired_answers()
    assert IdempotentAnswer.objects.get().digest == "fresh"


def test_answers_go_with_their_project(project: Project) -> None:
    claim(wanted(project), LEASE_S)

    project.delete()

    assert not IdempotentAnswer.objects.exists()
