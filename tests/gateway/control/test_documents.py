"""The lines of docs/control-api.md do what they say, typed one after another."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from pytest_django.live_server_helper import LiveServer

from catalog.models import Alias
from config.embedded import CHECKOUT
from tenants.models import ApiKey, Project, Role
from tests.gateway.control.calling import ROOT, caller

PAGE = CHECKOUT / "docs/control-api.md"
SNIPPET = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
# These lines say where the installation is; here it is elsewhere.
OWN = ("API=", "TOKEN=")


@pytest.mark.django_db(transaction=True)
def test_the_lines_of_the_page_can_be_typed(
    live_server: LiveServer, tmp_path: Path
) -> None:
    if shutil.which("curl") is None:
        pytest.skip("there is no curl on this machine")
    lines = "".join(SNIPPET.findall(PAGE.read_text(encoding="utf-8"))).splitlines()
    typed = "\n".join(line for line in lines if not line.startswith(OWN))

    run = subprocess.run(
        [
            "bash",
            "-euo",
            "pipefail",
            "-c",
            typed.replace(".venv/bin/python", "python3"),
        ],
        cwd=tmp_path,
        env={
            "PATH": os.environ["PATH"],
            "API": f"{live_server.url}{ROOT}",
            "TOKEN": caller(Role.OWNER).token,
        },
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )

    assert run.returncode == 0, run.stdout + run.stderr
    assert Project.objects.get().default_alias == "story"
    assert Alias.objects.get().targets.count() == 1
    assert ApiKey.objects.count() == 1
    assert "sb_" in run.stdout
    assert (tmp_path / "bundle.yaml").read_text().startswith("# credential")
