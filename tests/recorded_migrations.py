"""Migrates an empty database, and writes down the SQL of each migration.

Run as `python -m tests.recorded_migrations FILE`, with the settings of the tests.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import django
from django.core.management import call_command
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations import Migration
from django.db.migrations.executor import MigrationExecutor

Statements = dict[str, list[str]]


@contextmanager
def recording() -> Iterator[Statements]:
    """Yield the statements of each migration that is applied, by app and name."""
    recorded: Statements = {}
    apply, execute = MigrationExecutor.apply_migration, BaseDatabaseSchemaEditor.execute
    current: list[str] = []

    def apply_aloud(
        self: MigrationExecutor,
        state: Any,
        migration: Migration,
        *rest: Any,
        **how: Any,
    ) -> Any:
        nonlocal current
        current = recorded[f"{migration.app_label}.{migration.name}"] = []
        return apply(self, state, migration, *rest, **how)

    def execute_aloud(
        self: BaseDatabaseSchemaEditor, sql: Any, params: Any = ()
    ) -> None:
        text = str(sql)
        if params:
            text %= tuple(map(self.quote_value, params))
        current.append(text)
        execute(self, sql, params)

    with (
        patch.object(MigrationExecutor, "apply_migration", apply_aloud),
        patch.object(BaseDatabaseSchemaEditor, "execute", execute_aloud),
    ):
        yield recorded


if __name__ == "__main__":
    django.setup()
    with recording() as recorded:
        call_command("migrate", verbosity=0)
    Path(sys.argv[1]).write_text(json.dumps(recorded))
