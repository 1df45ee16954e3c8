"""What `make run` refuses, and what it says."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from config.banner import FirstRun, banner
from config.embedded import CHECKOUT

URL = "http://127.0.0.1:8000"


def test_a_busy_port_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        done = run(tmp_path, PORT=str(port))

    assert done.returncode == 1
    assert f"Port {port} on 127.0.0.1 is in use." in done.stderr
    assert f"PORT={port + 1} make run" in done.stderr
    assert not (tmp_path / "home" / "postgres").exists()


def test_a_port_that_is_no_number_is_an_error(tmp_path: Path) -> None:
    done = run(tmp_path, PORT="http")

    assert done.returncode == 1
    assert "PORT must be a number" in done.stderr


def test_missing_addresses_are_an_error_when_nothing_may_be_started(
    tmp_path: Path,
) -> None:
    done = run(tmp_path, PORT="0", SIGNALBOX_EMBEDDED="off")

    assert done.returncode == 1
    assert "set DATABASE_URL and REDIS_URL" in done.stderr


def test_the_first_banner_shows_the_secrets_it_has_made() -> None:
    made = FirstRun.from_report({"admin_password": "pass-word", "key": "sb_a_b_c"})

    text = banner(URL, made)

    assert "admin / pass-word" in text
    assert "Authorization: Bearer sb_a_b_c" in text
    assert f"curl {URL}/v1/chat/completions" in text
    assert '"model": "fast"' in text


def test_later_banners_show_the_prefix_and_how_to_issue_another_key() -> None:
    text = banner(URL, FirstRun.from_report({"key_prefix": "sb_abc"}))

    assert "sb_abc…" in text
    assert "manage.py issue_key demo" in text
    assert "None" not in text


def test_the_banner_says_when_the_simulator_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert "simulator answers" in banner(URL, FirstRun())

    monkeypatch.setenv("GROQ_API_KEY", "gsk-made-up")

    assert "simulator" not in banner(URL, FirstRun())


def run(folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"SIGNALBOX_HOME": str(folder / "home")} | variables
    for name in ("DATABASE_URL", "REDIS_URL"):
        environment.pop(name)
    return subprocess.run(
        [sys.executable, "-m", "config.run"],
        cwd=CHECKOUT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
