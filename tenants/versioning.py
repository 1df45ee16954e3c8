"""Database triggers that tell every process that the configuration has changed.

A statement that writes a configuration table, whoever sends it, leaves a row in
`tenants_configchange` and a notification on the channel. The row's id is the
configuration version; the notification arrives when the transaction commits.
"""

import pgtrigger

CHANNEL = "signalbox_config"

# PostgreSQL allows 8,000 bytes of payload; beyond this many tenants, all are named.
_MAX_NAMED = 100


def announces_changes(
    tenant_column: str, *, is_catalog: bool = False
) -> list[pgtrigger.Trigger]:
    """Return the triggers that announce every change of a model's table.

    `tenant_column` is an SQL expression over a changed row `r` for the id of the project
    that the row belongs to (NULL: to all of them). Every change of a catalog table is
    one of the catalog; of tenants it concerns those alone whose own rows have changed.
    """
    return [
        _trigger(name, operation, tables, tenant_column, is_catalog=is_catalog)
        for name, operation, tables in (
            ("insert", pgtrigger.Insert, ("new_rows",)),
            ("update", pgtrigger.Update, ("old_rows", "new_rows")),
            ("delete", pgtrigger.Delete, ("old_rows",)),
            ("truncate", pgtrigger.Truncate, ()),
        )
    ]


def _trigger(
    name: str,
    operation: pgtrigger.Operation,
    tables: tuple[str, ...],
    tenant_column: str,
    *,
    is_catalog: bool,
) -> pgtrigger.Trigger:
    referencing = (
        pgtrigger.Referencing(
            old="old_rows" if "old_rows" in tables else None,
            new="new_rows" if "new_rows" in tables else None,
        )
        if tables
        else None
    )
    return pgtrigger.Trigger(
        name=f"announce_{name}",
        level=pgtrigger.Statement,
        when=pgtrigger.After,
        operation=operation,
        referencing=referencing,
        declare=[("version", "BIGINT"), ("ids", "BIGINT[]")],
        func=_body(tables, tenant_column, is_catalog=is_catalog),
    )


def _body(tables: tuple[str, ...], tenant_column: str, *, is_catalog: bool) -> str:
    unchanged = "".join(
        f"IF NOT EXISTS (SELECT 1 FROM {table}) THEN RETURN NULL; END IF; "
        for table in tables[-1:]
    )
    named = ""
    if tables:
        rows = " UNION ALL ".join(
            f"SELECT {tenant_column} AS id FROM {table} r" for table in tables
        )
        # Shared rows of the catalog concern no tenant, other shared rows all of them.
        those = " WHERE id IS NOT NULL" if is_catalog else ""
        nobody = "ids := COALESCE(ids, ARRAY[]::BIGINT[]); " if is_catalog else ""
        named = (
            "SELECT array_agg(DISTINCT id) INTO ids FROM ("
            f"SELECT id FROM ({rows}) AS every_row{those} GROUP BY id"
            f" LIMIT {_MAX_NAMED + 1}) AS changed; "
            f"{nobody}"
            f"IF cardinality(ids) > {_MAX_NAMED} OR array_position(ids, NULL) IS NOT NULL"
            " THEN ids := NULL; END IF; "
        )
    scope = "catalog" if is_catalog else "tenants"
    return (
        f"{unchanged}{named}"
        "INSERT INTO tenants_configchange (table_name, changed_at) "
        "VALUES (TG_TABLE_NAME, clock_timestamp()) RETURNING id INTO version; "
        f"PERFORM pg_notify('{CHANNEL}', json_build_object("
        f"'version', version, 'scope', '{scope}', 'projects', ids)::text); "
        "RETURN NULL;"
    )
