"""Changes whose notification was lost, and a database that goes away and comes back."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable

import psycopg
import pytest
import pytest_asyncio
from django.db import connection, connections

from catalog.models import AIModel
from gateway.configuration.listener import APPLICATION_NAME
from gateway.configuration.records import MISSING
from gateway.configuration.snapshot import (
    ConfigurationUnavailable,
    Snapshot,
    SnapshotFailed,
)
from tenants.models import ApiKey
from tenants.versioning import CHANNEL
from tests.gateway.database_proxy import DatabaseProxy
from tests.gateway.rows import (
    caught_up,
    commit,
    make_key,
    make_model,
    make_project,
    make_provider,
    run_sql,
    seconds_until,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.asyncio]

SILENT_CHANGE = (
    "INSERT INTO tenants_configchange (table_name, changed_at) VALUES ('silent', now())"
)
KILL_LISTENERS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    f"WHERE application_name = '{APPLICATION_NAME}' AND datname = current_database()"
)


@pytest.fixture
def key(transactional_db: None) -> ApiKey:
    return make_key(make_project())


@pytest.fixture
def model(transactional_db: None) -> AIModel:
    return make_model(make_provider())


@pytest_asyncio.fixture
async def snapshot(key: ApiKey, model: AIModel) -> AsyncIterator[Snapshot]:
    running = Snapshot()
    await running.start()
    await running.load_key(key.key_id)
    yield running
    await running.stop()


@pytest.fixture
def sql_past_the_proxy(transactional_db: None) -> Callable[[str], None]:
    """Run a statement on the database itself, whatever the proxy does."""
    settings = connections.settings["default"]
    address = {
        "host": settings["HOST"] or settings["OPTIONS"].get("host", ""),
        "port": settings["PORT"] or None,
        "user": settings["USER"],
        "password": settings["PASSWORD"] or None,
        "dbname": settings["NAME"],
    }

    def run(statement: str) -> None:
        with psycopg.connect(**address) as direct:
            direct.execute(statement.encode())

    return run


@pytest_asyncio.fixture
async def proxy(
    key: ApiKey,
    model: AIModel,
    sql_past_the_proxy: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[DatabaseProxy]:
    settings = connections.settings["default"]
    host = settings["HOST"] or settings["OPTIONS"].get("host", "")
    running = DatabaseProxy(host, str(settings["PORT"]))
    await running.start()
    options = {k: v for k, v in settings["OPTIONS"].items() if k != "host"}
    monkeypatch.setitem(settings, "HOST", "127.0.0.1")
    monkeypatch.setitem(settings, "PORT", str(running.port))
    monkeypatch.setitem(settings, "OPTIONS", options)
    yield running
    await running.cut()


async def test_anything_may_have_changed_after_a_senseless_notification(
    snapshot: Snapshot, key: ApiKey
) -> None:
    await commit(lambda: run_sql(f"NOTIFY {CHANNEL}, 'what?'"))

    await seconds_until(lambda: snapshot.known_key(key.key_id) is None, at_most=1.0)


async def test_a_change_without_notification_is_found(
    snapshot: Snapshot, key: ApiKey
) -> None:
    before = snapshot.catalog

    await commit(lambda: run_sql(SILENT_CHANGE))

    await seconds_until(lambda: snapshot.known_key(key.key_id) is None, at_most=1.5)
    await seconds_until(lambda: snapshot.catalog is not before, at_most=0.5)


async def test_a_change_that_commits_after_a_later_one_is_found(
    snapshot: Snapshot, key: ApiKey, sql_past_the_proxy: Callable[[str], None]
) -> None:
    parameters = connection.get_connection_params() | {"cursor_factory": None}
    parameters = {name: value for name, value in parameters.items() if value}
    slow = await psycopg.AsyncConnection.connect(
        **{k: v for k, v in parameters.items() if k != "context"}
    )
    await slow.execute(SILENT_CHANGE.encode())
    await asyncio.to_thread(sql_past_the_proxy, SILENT_CHANGE)
    await seconds_until(lambda: snapshot.known_key(key.key_id) is None, at_most=1.5)
    await snapshot.load_key(key.key_id)
    assert snapshot.known_key(key.key_id) is not None

    await slow.commit()
    await slow.close()

    await seconds_until(lambda: snapshot.known_key(key.key_id) is None, at_most=1.5)


async def test_announced_changes_are_not_taken_for_lost_ones(
    snapshot: Snapshot, key: ApiKey, model: AIModel
) -> None:
    for _ in range(5):
        await commit(lambda: AIModel.objects.get(pk=model.pk).save())
        await asyncio.sleep(0.3)

    assert snapshot.known_key(key.key_id) is not None


async def test_a_revoked_key_stops_though_the_listening_connection_was_killed(
    snapshot: Snapshot, key: ApiKey
) -> None:
    def kill_and_revoke() -> None:
        run_sql(KILL_LISTENERS)
        ApiKey.objects.get(pk=key.pk).revoke()

    await commit(kill_and_revoke)

    await seconds_until(lambda: snapshot.known_key(key.key_id) is None, at_most=2.0)
    assert await snapshot.load_key(key.key_id) is None
    # What is known may have been doubted again by the reconnection meanwhile.
    assert snapshot.known_key(key.key_id) in {None, MISSING}
    assert not snapshot.is_stale


async def test_the_last_good_stays_while_the_database_is_away(
    proxy: DatabaseProxy,
    snapshot: Snapshot,
    key: ApiKey,
    model: AIModel,
    sql_past_the_proxy: Callable[[str], None],
) -> None:
    await proxy.cut()
    await seconds_until(lambda: snapshot.is_stale, at_most=1.0)

    assert snapshot.known_key(key.key_id) is not None
    assert model.pk in snapshot.catalog.models
    began = time.monotonic()
    with pytest.raises(ConfigurationUnavailable):
        await snapshot.load_key("never seen")
    assert time.monotonic() - began < 0.5
    assert snapshot.known_key("never seen") is None

    await asyncio.to_thread(
        sql_past_the_proxy, "UPDATE tenants_apikey SET revoked_at = now()"
    )
    await proxy.start()
    await seconds_until(lambda: not snapshot.is_stale, at_most=1.5)
    assert await snapshot.load_key(key.key_id) is None


async def test_what_was_known_is_served_when_the_database_leaves_again_at_once(
    proxy: DatabaseProxy, snapshot: Snapshot, key: ApiKey
) -> None:
    await proxy.cut()
    await seconds_until(lambda: snapshot.is_stale, at_most=1.0)
    await proxy.start()
    await seconds_until(lambda: not snapshot.is_stale, at_most=1.5)
    await proxy.cut()

    record = await snapshot.load_key(key.key_id)

    assert record is not None
    assert record.pk == key.pk


async def test_a_changed_project_is_not_served_from_before_when_it_cannot_be_read(
    proxy: DatabaseProxy, snapshot: Snapshot, key: ApiKey
) -> None:
    snapshot.evict_projects([key.project_id])
    await proxy.cut()

    with pytest.raises(ConfigurationUnavailable):
        await snapshot.load_key(key.key_id)


async def test_a_database_that_hangs_is_noticed(
    proxy: DatabaseProxy, snapshot: Snapshot, key: ApiKey
) -> None:
    proxy.freeze()

    await seconds_until(lambda: snapshot.is_stale, at_most=4.0)
    assert snapshot.known_key(key.key_id) is not None

    proxy.thaw()
    await seconds_until(lambda: not snapshot.is_stale, at_most=2.0)


async def test_a_process_that_starts_without_database_waits_for_it(
    proxy: DatabaseProxy, model: AIModel
) -> None:
    await proxy.cut()
    snapshot = Snapshot()
    await snapshot.start()
    assert not snapshot.is_ready
    with pytest.raises(ConfigurationUnavailable):
        await snapshot.load_key("any")

    await proxy.start()

    await seconds_until(lambda: snapshot.is_ready, at_most=2.0)
    assert model.pk in snapshot.catalog.models
    await caught_up(snapshot)
    await snapshot.stop()


async def test_a_database_without_tables_is_refused_with_advice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(connections.settings["default"], "NAME", "postgres")
    snapshot = Snapshot()

    with pytest.raises(SnapshotFailed, match="migrate"):
        await snapshot.start()


async def test_stopping_leaves_no_task_behind(key: ApiKey) -> None:
    before = asyncio.all_tasks()
    snapshot = Snapshot()
    await snapshot.start()
    await snapshot.load_key(key.key_id)

    await snapshot.stop()

    assert asyncio.all_tasks() == before
