"""End users in memory: read once, bounded, forgotten as soon as they change."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from gateway.configuration.database_threads import ConfigurationUnavailable
from gateway.configuration.end_user_memory import EndUserMemory
from gateway.configuration.records import MISSING, EndUserRecord
from gateway.configuration.snapshot import Snapshot
from tenants.models import EndUser, Limit, Project
from tests.factories import CredentialFactory
from tests.gateway.records import NOTHING
from tests.gateway.rows import (
    caught_up,
    commit,
    make_key,
    make_project,
    run_sql,
    seconds_until,
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest_asyncio.fixture
async def snapshot() -> AsyncIterator[Snapshot]:
    snapshot = Snapshot(poll_s=0.2)
    await snapshot.start()
    yield snapshot
    await snapshot.stop()


def make_users(project: Project, *names: str) -> list[EndUser]:
    return [EndUser.objects.create(project=project, external_id=name) for name in names]


@pytest.mark.asyncio
async def test_a_user_is_read_once_with_all_that_is_theirs(snapshot: Snapshot) -> None:
    def make() -> int:
        project = make_project()
        (user,) = make_users(project, "ada")
        Limit.objects.create(
            project=project, end_user=user, metric="requests", amount=5, per="day"
        )
        credential = CredentialFactory.create(project=project, end_user=user)
        # Of others nothing is read.
        CredentialFactory.create(project=project, provider=credential.provider)
        return int(project.pk)

    project_id = await commit(make)
    await caught_up(snapshot)
    assert snapshot.known_end_user(project_id, "ada") is None

    found = await snapshot.load_end_user(project_id, "ada")

    assert isinstance(found, EndUserRecord)
    assert snapshot.known_end_user(project_id, "ada") is found
    assert [limit.amount for limit in found.limits] == [5]
    ((credential,),) = found.credentials.values()
    assert credential.is_own


@pytest.mark.asyncio
async def test_a_project_without_end_users_is_asked_about_once(
    snapshot: Snapshot,
) -> None:
    project_id = await commit(lambda: int(make_project().pk))

    assert await snapshot.load_end_user(project_id, "ada") is MISSING

    assert snapshot.known_end_user(project_id, "whoever") is MISSING


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "change",
    [
        "UPDATE tenants_enduser SET active = false WHERE external_id = 'ada'",
        "DELETE FROM tenants_enduser WHERE external_id = 'ada'",
        (
            "INSERT INTO tenants_limit (project_id, end_user_id, metric, amount, per, active,"
            " each_end_user, alias, shadow) SELECT project_id, id, 'requests', 1, 'day',"
            " true, false, '', false FROM tenants_enduser WHERE external_id = 'ada'"
        ),
        "TRUNCATE tenants_enduser CASCADE",
    ],
)
async def test_a_change_is_seen_and_others_stay(
    snapshot: Snapshot, change: str
) -> None:
    def make() -> int:
        project = make_project()
        make_users(project, "ada", "bob")
        return int(project.pk)

    project_id = await commit(make)
    await caught_up(snapshot)
    before = await snapshot.load_end_user(project_id, "ada")
    bob = await snapshot.load_end_user(project_id, "bob")

    await commit(lambda: run_sql(change))
    await caught_up(snapshot)

    assert snapshot.known_end_user(project_id, "ada") is None
    assert await snapshot.load_end_user(project_id, "ada") != before
    if "TRUNCATE" not in change:
        assert snapshot.known_end_user(project_id, "bob") is bob


@pytest.mark.asyncio
async def test_a_new_user_is_seen_where_there_was_none(snapshot: Snapshot) -> None:
    project_id = await commit(lambda: int(make_project().pk))
    await caught_up(snapshot)
    await snapshot.load_end_user(project_id, "ada")

    await commit(lambda: make_users(Project.objects.get(pk=project_id), "bob"))
    await caught_up(snapshot)
    assert await snapshot.load_end_user(project_id, "ada") is MISSING
    await commit(lambda: make_users(Project.objects.get(pk=project_id), "ada"))
    await caught_up(snapshot)

    assert isinstance(await snapshot.load_end_user(project_id, "ada"), EndUserRecord)


@pytest.mark.asyncio
async def test_many_changes_at_once_are_seen_too(snapshot: Snapshot) -> None:
    names = [f"user-{number}" for number in range(150)]

    def make() -> int:
        project = make_project()
        EndUser.objects.bulk_create(
            EndUser(project=project, external_id=name) for name in names
        )
        return int(project.pk)

    project_id = await commit(make)
    await caught_up(snapshot)
    found = await asyncio.gather(
        *[snapshot.load_end_user(project_id, name) for name in names]
    )
    assert all(isinstance(each, EndUserRecord) for each in found)

    await commit(lambda: EndUser.objects.update(name="x"))
    await caught_up(snapshot)

    assert snapshot.known_end_user(project_id, names[0]) is None
    assert snapshot.known_end_user(project_id, names[-1]) is None


@pytest.mark.asyncio
async def test_a_change_of_users_leaves_their_project_s_keys_in_memory(
    snapshot: Snapshot,
) -> None:
    def make() -> tuple[Project, str]:
        project = make_project()
        return project, make_key(project).key_id

    project, key_id = await commit(make)
    await caught_up(snapshot)
    await seconds_until(lambda: not snapshot._postponed, at_most=2.0)
    key = await snapshot.load_key(key_id)

    await commit(lambda: make_users(project, "ada"))
    await caught_up(snapshot)

    assert snapshot.known_key(key_id) is key


@pytest.mark.asyncio
async def test_what_is_known_serves_while_the_database_is_away(
    snapshot: Snapshot,
) -> None:
    def make() -> int:
        project = make_project()
        make_users(project, "ada")
        return int(project.pk)

    project_id = await commit(make)
    await caught_up(snapshot)
    ada = await snapshot.load_end_user(project_id, "ada")

    snapshot.changes_missed(snapshot.version)
    snapshot.database_lost()

    assert await snapshot.load_end_user(project_id, "ada") is ada
    with pytest.raises(ConfigurationUnavailable):
        await snapshot.load_end_user(project_id, "bob")
    snapshot.database_found()
    assert await snapshot.load_end_user(project_id, "bob") is MISSING


def record(pk: int, name: str) -> EndUserRecord:
    return EndUserRecord(pk, 1, name, True, "", "", (), NOTHING)


def test_memory_is_bounded_and_forgets_the_longest_unused() -> None:
    memory = EndUserMemory(max_users=2, max_projects=2)
    memory.put(1, "a", record(1, "a"))
    memory.put(1, "b", MISSING)
    memory.get(1, "a")
    memory.put(2, "c", MISSING)

    assert len(memory) == 2
    assert memory.get(1, "b") is None
    assert memory.get(1, "a") is not None
    for project_id in (5, 6, 7):
        memory.put_without(project_id)
    assert memory.get(5, "x") is None
    assert memory.get(7, "x") is MISSING


def test_a_change_forgets_the_user_and_whoever_was_missing() -> None:
    memory = EndUserMemory(max_users=10, max_projects=10)
    memory.put(1, "a", record(1, "a"))
    memory.put(1, "b", record(2, "b"))
    memory.put(1, "c", MISSING)
    memory.put(2, "c", MISSING)
    memory.put_without(3)

    memory.drop([(1, 1), (3, 9)])

    assert memory.get(1, "a") is None
    assert memory.get(1, "b") is not None
    assert memory.get(1, "c") is None
    assert memory.get(2, "c") is MISSING
    assert memory.get(3, "x") is None
