"""Throw-away environments: LiteLLM's proxy from PyPI, Portkey's gateway from npm."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

_LITELLM = "litellm[proxy]"
_PORTKEY = "@portkey-ai/gateway"
# With a newer one, which npm takes by itself, every stream is an error 500:
# https://github.com/Portkey-AI/gateway/issues/1389
_PORTKEYS_SERVER = {"@hono/node-server": "1.14.0"}


class CannotInstall(Exception):
    """Something that the installation needs is missing, or the installer failed."""


def check_node() -> None:
    """Fail early when there is no Node.js to run Portkey's gateway with."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            raise CannotInstall(
                f"{program} is missing: install Node.js 20 or newer with your system's "
                "packages."
            )


def litellm(folder: Path) -> Path:
    """Install it into a virtual environment, unless it is there; return its program."""
    place = folder / "litellm"
    program = place / "bin" / "litellm"
    if not program.exists():
        _run(sys.executable, "-m", "venv", str(place))
        _run(str(place / "bin" / "pip"), "install", "--quiet", _LITELLM)
    return program


def portkey(folder: Path) -> Path:
    """Install it into a folder, unless it is there; return its server's script."""
    place = folder / "portkey"
    script = place / "node_modules" / _PORTKEY / "build" / "start-server.js"
    if not script.exists():
        place.mkdir(parents=True, exist_ok=True)
        package = {"private": True, "overrides": _PORTKEYS_SERVER}
        (place / "package.json").write_text(json.dumps(package))
        _run(
            "npm",
            "install",
            "--no-audit",
            "--no-fund",
            "--prefix",
            str(place),
            _PORTKEY,
        )
    return script


def litellm_version(program: Path) -> str:
    python = str(program.with_name("python"))
    code = "import importlib.metadata as m; print(m.version('litellm'))"
    return _run(python, "-c", code).strip()


def portkey_version(script: Path) -> str:
    package = json.loads((script.parent.parent / "package.json").read_text())
    return f"{package['version']} on Node.js {_run('node', '--version').strip()}"


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotInstall(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    return done.stdout
