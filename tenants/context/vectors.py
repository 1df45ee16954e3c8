"""Vectors of context entries, where PostgreSQL has the extension `vector`.

The column is added when the first scope asks for it, for without the extension there is
no such type. Vectors are not sealed: they tell roughly what an entry is about.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db import DatabaseError, connection, transaction

MISSING = (
    "Selection by similarity needs PostgreSQL's extension vector (pgvector), which this "
    "server does not offer. Install it there, or select the newest entries."
)

REFUSED = (
    "PostgreSQL offers the extension vector (pgvector), but Signalbox may not make it, or "
    "the table is busy. Let an administrator of the database run CREATE EXTENSION vector, "
    "and try again."
)


def is_available() -> bool:
    """Tell whether the server has the extension, or could be given it at once."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_available_extensions WHERE name = 'vector'")
        return cursor.fetchone() is not None


def is_ready() -> bool:
    """Tell whether there is a column for vectors."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 1 FROM pg_attribute WHERE attname = 'embedding' "
            "AND attrelid = to_regclass('tenants_contextentry') AND NOT attisdropped"
        )
        return cursor.fetchone() is not None


def can_prepare() -> bool:
    """Prepare, and tell whether that has been done."""
    try:
        prepare()
    except DatabaseError:
        return False
    return True


def prepare() -> None:
    """Make extension and column where they are missing."""
    if is_ready():
        return
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '2s'")
        cursor.execute("CREATE EXTENSION IF NOT EXISTS vector")
        cursor.execute(
            "ALTER TABLE tenants_contextentry ADD COLUMN IF NOT EXISTS embedding vector"
        )


class Vector(NamedTuple):
    """What was made of an entry by a model, and when the entry had been written."""

    model: str
    values: Sequence[float]
    written_at: datetime


def store(vectors: Mapping[UUID, Vector]) -> int:
    """Write vectors by the ids of their entries, and return how many.

    An entry that has been written again since keeps its place among those to be done.
    """
    stored = 0
    with connection.cursor() as cursor:
        for entry_id, vector in sorted(vectors.items()):
            cursor.execute(
                "UPDATE tenants_contextentry SET embedding = %s::vector, "
                "embedded_with = %s WHERE id = %s AND updated_at = %s",
                [
                    as_text(vector.values),
                    vector.model[:300],
                    entry_id,
                    vector.written_at,
                ],
            )
            stored += cursor.rowcount
    return stored


def as_text(vector: Sequence[float]) -> str:
    return "[" + ",".join(f"{value:.7g}" for value in vector) + "]"
