"""A migrated PostgreSQL cluster, kept so that a test session need not migrate anew.

Kept per contents of what shapes the schema, in a folder of the checkout that git
ignores and `make clean` removes. Deleting it costs one session some ten seconds.
"""

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from config import embedded
from config.embedded import places

CHECKOUT = Path(__file__).resolve().parent.parent
KEPT = CHECKOUT / ".test-database"
KEPT_VERSIONS = 4
# The database that the sessions' own ones are copied from, inside the cluster.
TEMPLATE = "migrated"
SHAPING = ("*/migrations/*.py", "requirements/run.txt", "config/embedded/postgres.py")
_APPS = re.compile(r"^INSTALLED_APPS = \[.*?^\]", re.MULTILINE | re.DOTALL)


def lay_out(home: Path) -> None:
    """Put a migrated cluster where an embedded PostgreSQL of `home` will look."""
    with _built() as cluster:
        home.mkdir(parents=True, exist_ok=True)
        _copy(cluster, home / "postgres")
        os.utime(cluster)


def statements() -> dict[str, list[str]]:
    """Return the SQL of each migration, in their order, by app and name."""
    with _built() as cluster:
        found: dict[str, list[str]] = json.loads(_statements_of(cluster).read_text())
    return found


def take_over(home: Path) -> None:
    """Make the migrated database the one that an installation in `home` uses."""
    _rename(home, TEMPLATE, places.DATABASE)


@contextmanager
def _built() -> Iterator[Path]:
    """Yield the cluster; sessions that begin together wait for the one that builds."""
    KEPT.mkdir(exist_ok=True)
    cluster = KEPT / _version()
    with (KEPT / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (cluster.exists() and _statements_of(cluster).exists()):
            shutil.rmtree(cluster, ignore_errors=True)
            _build(cluster)
        yield cluster


def _statements_of(cluster: Path) -> Path:
    return cluster.with_suffix(".json")


def _version() -> str:
    digest = hashlib.sha256()
    for pattern in SHAPING:
        for path in sorted(CHECKOUT.glob(pattern)):
            digest.update(f"{path.relative_to(CHECKOUT)}\0".encode())
            digest.update(path.read_bytes() + b"\0")
    apps = _APPS.search((CHECKOUT / "config/settings.py").read_text())
    assert apps is not None
    digest.update(apps[0].encode())
    return digest.hexdigest()[:20]


def _build(cluster: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="signalbox-template-") as folder:
        home = Path(folder)
        with embedded.start(home) as servers:
            environment = {
                **os.environ,
                "SIGNALBOX_HOME": folder,
                "DATABASE_URL": servers.database_url,
                "REDIS_URL": servers.redis_url,
                "DJANGO_SETTINGS_MODULE": "config.settings_test",
            }
            said = str(_statements_of(cluster))
            subprocess.run(
                [sys.executable, "-m", "tests.recorded_migrations", said],
                cwd=CHECKOUT,
                env=environment,
                check=True,
            )
            _rename(home, places.DATABASE, TEMPLATE)
        fresh = cluster.with_name("new")
        shutil.rmtree(fresh, ignore_errors=True)
        _copy(home / "postgres", fresh)
    fresh.rename(cluster)
    _drop_old()


def _rename(home: Path, name: str, new: str) -> None:
    with psycopg.connect(
        host=str(places.socket_folder(home, "postgres")),
        user=places.DATABASE_USER,
        dbname="postgres",
        autocommit=True,
    ) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{new}"')
        connection.execute(f'ALTER DATABASE "{name}" RENAME TO "{new}"')


def _copy(source: Path, target: Path) -> None:
    # Owners are kept: under root the cluster belongs to the account that runs it.
    subprocess.run(["cp", "-a", str(source), str(target)], check=True)


def _drop_old() -> None:
    versions = sorted(
        (path for path in KEPT.iterdir() if path.is_dir()),
        key=lambda path: path.stat().st_mtime,
    )
    for path in versions[:-KEPT_VERSIONS]:
        shutil.rmtree(path, ignore_errors=True)
        _statements_of(path).unlink(missing_ok=True)
