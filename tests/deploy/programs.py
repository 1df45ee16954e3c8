"""Programs that judge what is deployed: they come with the packages of the tests."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from config.embedded import CHECKOUT

# Packages have them for the usual Linux only.
_PROGRAMS = Path(sys.executable).parent


def run(
    name: str, arguments: Sequence[str], stdin: str = ""
) -> "subprocess.CompletedProcess[str]":
    """Run such a program in the checkout; skip the test where there is none for it."""
    program = _PROGRAMS / name
    if not program.exists():
        message = (
            f"{name} is not in the environment: no package has it for this machine"
        )
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return subprocess.run(
        [str(program), *arguments],
        cwd=CHECKOUT,
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )
