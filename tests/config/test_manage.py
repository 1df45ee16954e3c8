"""`python manage.py …` in a checkout that nobody has set up."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from config.embedded import CHECKOUT

pytestmark = pytest.mark.system

CONNECT = (
    "from django.db import connection as c; c.ensure_connection(); print('answered')"
)


def test_a_bare_command_has_the_servers_and_secrets_that_it_needs(
    tmp_path: Path,
) -> None:
    done = manage(tmp_path, "shell", "--no-imports", "-c", CONNECT)

    assert done.stdout.strip() == "answered", done.stderr
    assert (tmp_path / "home" / "secret_key").exists()
    assert not (tmp_path / "home" / "postgres" / "postmaster.pid").exists()


def test_a_command_without_a_database_starts_none(tmp_path: Path) -> None:
    done = manage(tmp_path, "version")

    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "home" / "postgres").exists()


def test_a_command_fails_with_what_to_set_when_nothing_may_be_started(
    tmp_path: Path,
) -> None:
    done = manage(tmp_path, "showmigrations", SIGNALBOX_EMBEDDED="off")

    assert done.returncode == 1
    assert "set DATABASE_URL and REDIS_URL" in done.stderr


def manage(
    folder: Path, *arguments: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    unset = {
        "DATABASE_URL",
        "REDIS_URL",
        "SECRET_KEY",
        "SIGNALBOX_KEK",
        "DEBUG",
        "DJANGO_SETTINGS_MODULE",
    }
    environment = {k: v for k, v in os.environ.items() if k not in unset}
    environment |= {"SIGNALBOX_HOME": str(folder / "home")} | variables
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=CHECKOUT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
