"""What `make run` says when the product answers."""

import os
import shlex
from dataclasses import dataclass
from typing import Any

from config import env

CURL = """\
  curl {url}/v1/chat/completions \\
    -H "Authorization: Bearer {key}" \\
    -H "Content-Type: application/json" \\
    -d '{{"model": "fast", "messages": [{{"role": "user", "content": "Hello!"}}]}}'"""


@dataclass(frozen=True)
class FirstRun:
    """What the set-up command reports: secrets only when it has just made them."""

    project: str = "demo"
    admin_password: str = ""
    key: str = ""
    key_prefix: str = ""

    @classmethod
    def from_report(cls, report: dict[str, Any]) -> "FirstRun":
        known = {name: report.get(name) or "" for name in ("admin_password", "key")}
        return cls(
            project=report.get("project") or "demo",
            key_prefix=report.get("key_prefix") or "",
            **known,
        )


def banner(url: str, made: FirstRun) -> str:
    lines = [
        "",
        "Signalbox is ready.",
        "",
        f"  Admin      {url}/admin/",
        f"  Login      admin / {_password(made)}",
        f"  Key        {_key(made)}",
        "",
        *_first_call(url, made),
        "",
        *_about_providers(),
        "  Ctrl-C stops everything.",
        "",
    ]
    return "\n".join(lines)


def _password(made: FirstRun) -> str:
    if made.admin_password:
        return made.admin_password
    if os.environ.get("SIGNALBOX_ADMIN_PASSWORD"):
        return "the password in SIGNALBOX_ADMIN_PASSWORD when the account was made"
    return f"the password shown at the first run ({manage('changepassword admin')})"


def _key(made: FirstRun) -> str:
    if made.key:
        return f"{made.key}  (project {made.project}; shown once)"
    issue = manage(f"issue_key {made.project}")
    if not made.key_prefix:
        return f"none is active  (project {made.project}; a new one: {issue})"
    return f"{made.key_prefix}…  (project {made.project}; another one: {issue})"


def _first_call(url: str, made: FirstRun) -> list[str]:
    if made.key:
        return [CURL.format(url=url, key=made.key)]
    issue = manage(f"issue_key {made.project}")
    return [f"  KEY=$({issue})", CURL.format(url=url, key="$KEY")]


def _about_providers() -> list[str]:
    if env.configured_provider_keys():
        return []
    return [
        "  The bundled simulator answers, because no provider key is set.",
        "  Set one (see .env.example) and start again to reach a real provider.",
    ]


def manage(command: str) -> str:
    """Return a command line that reaches this installation from the checkout."""
    home = os.environ.get("SIGNALBOX_HOME")
    prefix = f"SIGNALBOX_HOME={shlex.quote(home)} " if home else ""
    return f"{prefix}.venv/bin/python manage.py {command}"
