"""A hundred thousand tenants in half a minute: copies of a row that the ORM made."""

import hashlib
from collections.abc import Iterable, Mapping
from typing import LiteralString

import psycopg
from psycopg import sql

from tenants.keys import _checksum
from tests.durability.stand import Stand

KEYS_PER_PROJECT = 10
# Every tenth project has an alias of its own.
PROJECTS_PER_ALIAS = 10


def key_text(number: int) -> str:
    """Return the text of a seeded key."""
    unsigned = f"sb_{number:014d}_{number * 7919:043d}"
    return f"{unsigned}_{_checksum(unsigned)}"


def seed_tenants(made: Stand, projects: int) -> None:
    """Create projects like `template`, each with three limits and ten keys.

    Triggers are off: nobody listens yet, and history is not what is measured.
    """
    made.console.new_key("template")
    with psycopg.connect(made.environment["DATABASE_URL"]) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(
            "CREATE TEMP TABLE fresh_key (number bigint, key_id text, digest bytea)"
        )
        with connection.cursor().copy("COPY fresh_key FROM STDIN") as copy:
            for row in _keys(projects * KEYS_PER_PROJECT):
                copy.write_row(row)
        last = connection.execute("SELECT max(id) FROM tenants_project").fetchone()
        assert last is not None
        first = sql.Literal(last[0] + 1)
        _multiply(
            connection,
            "tenants_project",
            "t.slug = 'template'",
            sql.SQL("generate_series(0, {}) AS n").format(projects - 1),
            {
                "id": sql.SQL("{} + n").format(first),
                "slug": sql.SQL("'project-' || n"),
                "name": sql.SQL("'Project ' || n"),
            },
        )
        new_projects = sql.SQL(
            "(SELECT id AS new_id FROM tenants_project WHERE id >= {}) AS p"
        ).format(first)
        _multiply(
            connection,
            "tenants_limit",
            "t.project_id = (SELECT id FROM tenants_project WHERE slug = 'template')",
            new_projects,
            {"project_id": sql.SQL("p.new_id")},
        )
        _multiply(
            connection,
            "tenants_apikey",
            "t.project_id = (SELECT id FROM tenants_project WHERE slug = 'template')",
            sql.SQL("fresh_key AS k"),
            {
                "key_id": sql.SQL("k.key_id"),
                "digest": sql.SQL("k.digest"),
                "name": sql.SQL("'key ' || k.number"),
                "project_id": sql.SQL("{} + k.number / {}").format(
                    first, KEYS_PER_PROJECT
                ),
            },
        )
        _seed_aliases(connection, first)
        for table in ("tenants_project", "tenants_apikey", "tenants_limit"):
            connection.execute(
                f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), "
                f"(SELECT max(id) FROM {table}))".encode()
            )
    made.sql("ANALYZE")


def seed_events(made: Stand, count: int) -> None:
    """Create usage events like the newest one, one each 40 ms before now."""
    with psycopg.connect(made.environment["DATABASE_URL"]) as connection:
        newest = "t.id = (SELECT id FROM usage_usageevent ORDER BY id DESC LIMIT 1)"
        low, high = connection.execute(
            "SELECT min(id), max(id) FROM tenants_project"
        ).fetchone() or (1, 1)
        _multiply(
            connection,
            "usage_usageevent",
            newest,
            sql.SQL("generate_series(1, {}) AS n").format(count),
            {
                "id": sql.SQL("gen_random_uuid()"),
                "request_id": sql.SQL("gen_random_uuid()"),
                "occurred_at": sql.SQL("now() - n * interval '40 ms'"),
                "project_id": sql.SQL("{} + n % {}").format(low, high - low + 1),
            },
        )
    made.sql("ANALYZE usage_usageevent")


def _keys(count: int) -> Iterable[tuple[int, str, bytes]]:
    for number in range(count):
        digest = hashlib.sha256(key_text(number).encode()).digest()
        yield number, f"{number:014d}", digest


def _seed_aliases(
    connection: psycopg.Connection[tuple[object, ...]], first: sql.Literal
) -> None:
    """Give some projects an alias `quick` of their own, with the usual target."""
    own = sql.SQL(
        "(SELECT id AS new_id FROM tenants_project WHERE id >= {} AND id % {} = 0) AS p"
    ).format(first, PROJECTS_PER_ALIAS)
    _multiply(
        connection,
        "catalog_alias",
        "t.name = 'quick' AND t.project_id IS NULL",
        own,
        {"project_id": sql.SQL("p.new_id")},
    )
    _multiply(
        connection,
        "catalog_aliastarget",
        "t.alias_id = (SELECT id FROM catalog_alias "
        "WHERE name = 'quick' AND project_id IS NULL)",
        sql.SQL(
            "(SELECT id AS new_id FROM catalog_alias "
            "WHERE name = 'quick' AND project_id IS NOT NULL) AS a"
        ),
        {"alias_id": sql.SQL("a.new_id")},
    )


def _multiply(
    connection: psycopg.Connection[tuple[object, ...]],
    table: str,
    template: LiteralString,
    source: sql.Composable,
    changed: Mapping[str, sql.Composable],
) -> None:
    """Copy the template rows for each row of the source, with some columns changed."""
    found = connection.execute(
        "SELECT column_name FROM information_schema.columns "
        "WHERE table_name = %s AND is_generated = 'NEVER'",
        [table],
    ).fetchall()
    names = [str(row[0]) for row in found if row[0] != "id" or "id" in changed]
    values = [changed.get(name, sql.Identifier("t", name)) for name in names]
    connection.execute(
        sql.SQL(
            "INSERT INTO {} ({}) SELECT {} FROM {} t CROSS JOIN {} WHERE {}"
        ).format(
            sql.Identifier(table),
            sql.SQL(", ").join(map(sql.Identifier, names)),
            sql.SQL(", ").join(values),
            sql.Identifier(table),
            source,
            sql.SQL(template),
        )
    )
