"""Rotation of the key-encryption key."""

import os
from concurrent.futures import ThreadPoolExecutor
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from pytest_django import Settings

from tenants.encryption import (
    Place,
    Secret,
    Unsealable,
    data_key_by_project_id,
    seal,
    unseal,
)
from tenants.key_rotation import keks_in_use, rotate
from tenants.models import DataKey, Project
from tests.factories import CredentialFactory, ProjectFactory

OLD, NEW = os.urandom(32), os.urandom(32)


@pytest.fixture(autouse=True)
def old_key(settings: Settings) -> None:
    settings.SIGNALBOX_KEKS = {"old": OLD}


def sealed_by(project: Project) -> bytes:
    return seal(Secret("hush"), data_key_by_project_id(project.pk), place_of(project))


def place_of(project: Project) -> Place:
    return Place("table", "1", "field", str(project.pk))


@pytest.mark.django_db
def test_what_was_sealed_opens_after_a_rotation_without_the_old_key(
    settings: Settings,
) -> None:
    projects = ProjectFactory.create_batch(5)
    sealed = [sealed_by(project) for project in projects]
    credential = CredentialFactory.create(value="sk-upstream-0123456789")

    settings.SIGNALBOX_KEKS = {"new": NEW, "old": OLD}
    done = rotate(batch=2)

    assert (done.rotated, done.unreadable) == (6, 0)
    assert keks_in_use() == {"new": 6}
    settings.SIGNALBOX_KEKS = {"new": NEW}
    for project, value in zip(projects, sealed, strict=True):
        key = data_key_by_project_id(project.pk)
        assert unseal(value, key, place_of(project)).reveal() == "hush"
    revealed = credential.reveal()
    assert revealed is not None
    assert revealed.reveal() == "sk-upstream-0123456789"


@pytest.mark.django_db
def test_a_rotation_that_was_broken_off_goes_on(settings: Settings) -> None:
    for project in ProjectFactory.create_batch(4):
        sealed_by(project)
    settings.SIGNALBOX_KEKS = {"new": NEW, "old": OLD}
    rotate()
    first = DataKey.objects.order_by("pk").first()
    assert first is not None
    wrapped = bytes(first.wrapped)

    assert rotate().rotated == 0

    first.refresh_from_db()
    assert bytes(first.wrapped) == wrapped


@pytest.mark.django_db(transaction=True)
def test_several_rotations_at_once_do_no_harm(settings: Settings) -> None:
    projects = ProjectFactory.create_batch(20)
    sealed = [sealed_by(project) for project in projects]
    settings.SIGNALBOX_KEKS = {"new": NEW, "old": OLD}

    def turn(_: int) -> int:
        try:
            return rotate(batch=3).rotated
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(turn, range(4))) == 20

    for project, value in zip(projects, sealed, strict=True):
        key = data_key_by_project_id(project.pk)
        assert unseal(value, key, place_of(project)).reveal() == "hush"


@pytest.mark.django_db
def test_a_wrapped_key_that_is_put_in_another_row_does_not_open() -> None:
    first, second = ProjectFactory.create_batch(2)
    sealed_by(first)
    sealed_by(second)
    stolen = DataKey.objects.get(project=first).wrapped
    DataKey.objects.filter(project=second).update(wrapped=stolen)

    with pytest.raises(Unsealable):
        data_key_by_project_id(second.pk)


@pytest.mark.django_db
def test_the_command_says_which_keys_must_stay(settings: Settings) -> None:
    sealed_by(ProjectFactory.create())
    settings.SIGNALBOX_KEKS = {"new": NEW, "old": OLD}
    said = StringIO()

    call_command("rotate_keys", "--check", stdout=said)
    assert "old wraps 1 data keys, so it must stay" in said.getvalue()

    call_command("rotate_keys", stdout=said)
    assert "1 data keys now under new." in said.getvalue()


@pytest.mark.django_db
def test_a_key_that_is_missing_is_said(settings: Settings) -> None:
    sealed_by(ProjectFactory.create())
    settings.SIGNALBOX_KEKS = {"new": NEW}

    with pytest.raises(CommandError, match="1 data keys do not open"):
        call_command("rotate_keys", stdout=StringIO())
