"""Database triggers that tell every process that the configuration has changed.

A statement that writes a configuration table, whoever sends it, leaves a row in
`tenants_configchange` and a notification on the channel. The row's id is the
configuration version; the notification arrives when the transaction commits.
"""

import pgtrigger

CHANNEL = "signalbox_config"

# PostgreSQL allows 8,000 bytes of payload; beyond this many tenants, all are named.
_MAX_NAMED = 100


def announces_changes(tenant_column: str | None = None) -> list[pgtrigger.Trigger]:
    """Return the triggers that announce every change of a model's table.

    `tenant_column` is an SQL expression over a changed row `r` for the id of the project
    that the row belongs to (NULL: to all of them); None stands for a catalog table.
    """
    return [
        _trigger("insert", pgtrigger.Insert, ("new_rows",), tenant_column),
        _trigger("update", pgtrigger.Update, ("old_rows", "new_rows"), tenant_column),
        _trigger("delete", pgtrigger.Delete, ("old_rows",), tenant_column),
        _trigger("truncate", pgtrigger.Truncate, (), tenant_column),
    ]


def _trigger(
    name: str,
    operation: pgtrigger.Operation,
    tables: tuple[str, ...],
    tenant_column: str | None,
) -> pgtrigger.Trigger:
    referencing = (
        pgtrigger.Referencing(
            old="old_rows" if "old_rows" in tables else None,
            new="new_rows" if "new_rows" in tables else None,
        )
        if tables
        else None
    )
    scope = "catalog" if tenant_column is None else "tenants"
    return pgtrigger.Trigger(
        name=f"announce_{name}",
        level=pgtrigger.Statement,
        when=pgtrigger.After,
        operation=operation,
        referencing=referencing,
        declare=[("version", "BIGINT"), ("ids", "BIGINT[]")],
        func=_body(scope, tables, tenant_column),
    )


def _body(scope: str, tables: tuple[str, ...], tenant_column: str | None) -> str:
    unchanged = "".join(
        f"IF NOT EXISTS (SELECT 1 FROM {table}) THEN RETURN NULL; END IF; "
        for table in tables[-1:]
    )
    named = ""
    if tenant_column is not None and tables:
        rows = " UNION ALL ".join(
            f"SELECT {tenant_column} AS id FROM {table} r" for table in tables
        )
        named = (
            "SELECT array_agg(DISTINCT id) INTO ids FROM ("
            f"SELECT id FROM ({rows}) AS every_row GROUP BY id LIMIT {_MAX_NAMED + 1}"
            ") AS changed; "
            f"IF cardinality(ids) > {_MAX_NAMED} OR array_position(ids, NULL) IS NOT NULL"
            " THEN ids := NULL; END IF; "
        )
    return (
        f"{unchanged}{named}"
        "INSERT INTO tenants_configchange (table_name, changed_at) "
        "VALUES (TG_TABLE_NAME, clock_timestamp()) RETURNING id INTO version; "
        f"PERFORM pg_notify('{CHANNEL}', json_build_object("
        f"'version', version, 'scope', '{scope}', 'projects', ids)::text); "
        "RETURN NULL;"
    )
