"""Database triggers that tell every process that the configuration has changed.

A statement that writes a configuration table, whoever sends it, leaves a row in
`tenants_configchange` and a notification on the channel. The row's id is the
configuration version; the notification arrives when the transaction commits.
"""

from dataclasses import dataclass

import pgtrigger

CHANNEL = "signalbox_config"

# PostgreSQL allows 8,000 bytes of payload; beyond this many tenants, all are named.
_MAX_NAMED = 100


def announces_changes(
    tenant_column: str, *, is_catalog: bool = False, end_user: str = ""
) -> list[pgtrigger.Trigger]:
    """Return the triggers that announce every change of a model's table.

    `tenant_column` is an SQL expression over a changed row `r` for the id of the project
    that the row belongs to (NULL: to all of them). Every change of a catalog table is
    one of the catalog; of tenants it concerns those alone whose own rows have changed.
    `end_user` is an expression for the id of the end user that the row is about: such a
    row concerns nobody else in the project.
    """
    scope = _Scope(tenant_column, end_user, is_catalog=is_catalog)
    return [
        _trigger(name, operation, tables, scope)
        for name, operation, tables in (
            ("insert", pgtrigger.Insert, ("new_rows",)),
            ("update", pgtrigger.Update, ("old_rows", "new_rows")),
            ("delete", pgtrigger.Delete, ("old_rows",)),
            ("truncate", pgtrigger.Truncate, ()),
        )
    ]


@dataclass(frozen=True, slots=True)
class _Scope:
    """Whom the rows of a table concern."""

    tenant: str
    end_user: str
    is_catalog: bool


def _trigger(
    name: str, operation: pgtrigger.Operation, tables: tuple[str, ...], scope: _Scope
) -> pgtrigger.Trigger:
    referencing = (
        pgtrigger.Referencing(
            old="old_rows" if "old_rows" in tables else None,
            new="new_rows" if "new_rows" in tables else None,
        )
        if tables
        else None
    )
    users = [("users", "JSON")] if scope.end_user else []
    return pgtrigger.Trigger(
        name=f"announce_{name}",
        level=pgtrigger.Statement,
        when=pgtrigger.After,
        operation=operation,
        referencing=referencing,
        declare=[("version", "BIGINT"), ("ids", "BIGINT[]"), *users],
        func=_body(tables, scope),
    )


def _body(tables: tuple[str, ...], scope: _Scope) -> str:
    unchanged = "".join(
        f"IF NOT EXISTS (SELECT 1 FROM {table}) THEN RETURN NULL; END IF; "
        for table in tables[-1:]
    )
    named = ""
    if tables and scope.end_user:
        named = _named_with_end_users(tables, scope)
    elif tables:
        rows = " UNION ALL ".join(
            f"SELECT {scope.tenant} AS id FROM {table} r" for table in tables
        )
        # Shared rows of the catalog concern no tenant, other shared rows all of them.
        those = " WHERE id IS NOT NULL" if scope.is_catalog else ""
        named = _named(rows, those, or_nobody=scope.is_catalog)
    users = ", 'end_users', users" if scope.end_user else ""
    what = "catalog" if scope.is_catalog else "tenants"
    return (
        f"{unchanged}{named}"
        "INSERT INTO tenants_configchange (table_name, changed_at) "
        "VALUES (TG_TABLE_NAME, clock_timestamp()) RETURNING id INTO version; "
        f"PERFORM pg_notify('{CHANNEL}', json_build_object("
        f"'version', version, 'scope', '{what}', 'projects', ids{users})::text); "
        "RETURN NULL;"
    )


def _named(rows: str, those: str, *, or_nobody: bool) -> str:
    """Return SQL that puts into `ids` the tenants of these rows, or NULL for all."""
    nobody = "ids := COALESCE(ids, ARRAY[]::BIGINT[]); " if or_nobody else ""
    return (
        "SELECT array_agg(DISTINCT id) INTO ids FROM ("
        f"SELECT id FROM ({rows}) AS every_row{those} GROUP BY id"
        f" LIMIT {_MAX_NAMED + 1}) AS changed; "
        f"{nobody}"
        f"IF cardinality(ids) > {_MAX_NAMED} OR array_position(ids, NULL) IS NOT NULL"
        " THEN ids := NULL; END IF; "
    )


def _named_with_end_users(tables: tuple[str, ...], scope: _Scope) -> str:
    """Return SQL that puts end users, each with its project, into `users`.

    Those that are too many to be named are all end users of their projects: NULL.
    """
    rows = " UNION ALL ".join(
        f"SELECT {scope.tenant} AS id, {scope.end_user} AS end_user FROM {table} r"
        for table in tables
    )
    return (
        "SELECT COALESCE(json_agg(json_build_array(id, end_user)), '[]') INTO users"
        f" FROM (SELECT id, end_user FROM ({rows}) AS every_row"
        " WHERE end_user IS NOT NULL GROUP BY id, end_user"
        f" LIMIT {_MAX_NAMED + 1}) AS theirs; "
        f"IF json_array_length(users) > {_MAX_NAMED} THEN users := NULL; END IF; "
        + _named(rows, " WHERE end_user IS NULL OR users IS NULL", or_nobody=True)
    )
