"""Migrations run while everything is served, beside the release before."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from unittest.mock import patch

import httpx
import psycopg
import pytest
from django.apps import apps
from django.contrib.postgres.operations import AddIndexConcurrently
from django.core.management import call_command
from django.db import OperationalError, connection, models
from django.db.migrations import AddField, Migration
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from django_migration_linter.sql_analyser.analyser import analyse_sql_statements
from django_migration_linter.sql_analyser.postgresql import PostgresqlAnalyser

from config import embedded, migrating
from tenants.models import Project
from tests import database_template
from tests.gateway.asking import ask
from tests.gateway.conftest import (  # noqa: F401
    Offer,
    http,
    key,
    live,
    offer,
    project,
    provider,
    running_gateway,
    running_upstream,
    upstream,
)
from tests.gateway.live import LiveGateway, wait_until
from usage.ledger import connection_parameters

APPS = ("tenants", "catalog", "usage", "workflows")
_WIDER = "allows more than the constraint that it takes the place of"
# What is reported of these is harmless to the release before, and why.
HARMLESS = {
    ("catalog.0009_end_user_credentials", "ADD_UNIQUE"): _WIDER,
    ("tenants.0005_people_scopes_and_approvals", "ADD_UNIQUE"): _WIDER,
    ("usage.0009_usage_sketches_and_dimensions", "ADD_UNIQUE"): _WIDER,
}


@pytest.mark.skipif(not embedded.is_on(), reason="takes a PostgreSQL of our own")
def test_no_migration_breaks_the_release_before_it() -> None:
    found = {
        (name, error.code)
        for name, sql in database_template.statements().items()
        if name.partition(".")[0] in APPS
        for error in analyse_sql_statements(PostgresqlAnalyser, sql, [])[0]
    }

    assert found == HARMLESS.keys()


def test_a_migration_that_breaks_the_release_before_it_is_found() -> None:
    """Otherwise the test above would say nothing."""
    breaking = [
        'ALTER TABLE "t" ADD COLUMN "c" text NOT NULL',
        'ALTER TABLE "t" DROP COLUMN "d"',
        'ALTER TABLE "t" ADD CONSTRAINT "u" UNIQUE ("c")',
        'ALTER TABLE "t" RENAME COLUMN "e" TO "f"',
    ]

    errors, _, _ = analyse_sql_statements(PostgresqlAnalyser, breaking, [])

    codes = {"NOT_NULL", "DROP_COLUMN", "ADD_UNIQUE", "RENAME_COLUMN"}
    assert {error.code for error in errors} == codes


@contextmanager
def load(http: httpx.Client) -> Iterator[Counter[int]]:  # noqa: F811
    """Ask without pause, plain and streamed; yield how often each status was answered."""
    told: Counter[int] = Counter()
    ended = threading.Event()

    def go_on(stream: bool) -> None:
        while not ended.is_set():
            told[ask(http, stream=stream).status_code] += 1

    threads = [
        threading.Thread(target=go_on, args=(stream,)) for stream in (True, False) * 2
    ]
    for thread in threads:
        thread.start()
    try:
        yield told
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def test_tables_change_under_load_and_nobody_notices(
    http: httpx.Client,  # noqa: F811
    live: LiveGateway,  # noqa: F811
    offer: Offer,  # noqa: F811
    project: Project,  # noqa: F811
) -> None:
    """The gateway is then the release before: it knows nothing of the new columns."""
    offer("sim-chat")
    state = MigrationLoader(connection).project_state()
    changed = [
        ("usage", "usageevent"),
        ("usage", "hourlyusage"),
        ("tenants", "project"),
        ("tenants", "apikey"),
        ("catalog", "alias"),
        ("catalog", "aimodel"),
    ]
    column = models.CharField(max_length=9, default="", db_default="")
    expanding = [(app, AddField(name, "probe", column)) for app, name in changed]
    index = AddIndexConcurrently(
        "apikey", models.Index(fields=["probe"], name="probe_index")
    )
    done: list[tuple[Migration, ProjectState]] = []
    with load(http) as told:
        wait_until(lambda: told.total() > 20)
        for app, operation in [*expanding, ("tenants", index)]:
            migration = probe(app, operation, atomic=operation is not index)
            before = state.clone()
            with connection.schema_editor(atomic=migration.atomic) as editor:
                state = migration.apply(state, editor)
            done.append((migration, before))
            so_far = told.total()
            wait_until(partial(more_than, told, so_far + 10))
        for migration, before in reversed(done):
            with connection.schema_editor(atomic=migration.atomic) as editor:
                migration.unapply(before, editor)
        so_far = told.total()
        wait_until(lambda: told.total() > so_far + 20)

    assert told.keys() == {200}
    assert len(live.events(project)) == told.total()


def probe(app: str, operation: Operation, *, atomic: bool) -> Migration:
    """Return a migration of that one operation."""
    kind = type("Probe", (Migration,), {"operations": [operation], "atomic": atomic})
    made: Migration = kind("probe", app)
    return made


def more_than(told: Counter[int], bound: int) -> bool:
    return told.total() > bound


@pytest.fixture
def blocker(transactional_db: None) -> Iterator[psycopg.Connection]:
    with psycopg.connect(**connection_parameters()) as other:
        yield other
        other.rollback()


def test_a_migration_gives_way_and_is_begun_again(
    blocker: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrating, "LOCK_SECONDS", 1)
    blocker.execute("LOCK TABLE usage_feedback IN SHARE MODE")
    tries: list[float] = []

    def add_a_column(*_: object, **__: object) -> None:
        tries.append(time.monotonic())
        if len(tries) == 2:
            blocker.rollback()
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE usage_feedback ADD COLUMN probe text")
            cursor.execute("ALTER TABLE usage_feedback DROP COLUMN probe")

    with patch.object(migrating, "call_command", add_a_column):
        migrating.migrate(pause_s=0.01)

    assert len(tries) == 2
    with connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        assert cursor.fetchone() == ("0",)


def test_what_is_wrong_with_a_migration_is_not_tried_again(
    transactional_db: None,
) -> None:
    tries: list[int] = []

    def fail(*_: object, **__: object) -> None:
        tries.append(1)
        raise OperationalError("no such luck")

    with (
        patch.object(migrating, "call_command", fail),
        pytest.raises(OperationalError),
    ):
        migrating.migrate(pause_s=0.01)

    assert len(tries) == 1


@pytest.mark.django_db
def test_models_and_migrations_say_the_same() -> None:
    call_command("makemigrations", *APPS, check=True, dry_run=True, verbosity=0)
    executor = MigrationExecutor(connection)
    assert not executor.migration_plan(executor.loader.graph.leaf_nodes())
    assert {config.label for config in apps.get_app_configs()} >= set(APPS)
