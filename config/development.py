"""What a checkout without a set-up environment falls back to."""

import os
from pathlib import Path

import environ

from config import embedded, env


def prepare() -> None:
    """Read .env, and treat a checkout without SECRET_KEY as a developer's own."""
    dotenv = env.BASE_DIR / ".env"
    if dotenv.exists():
        environ.Env.read_env(dotenv)
    if not os.environ.get("SECRET_KEY"):
        os.environ.setdefault("DEBUG", "true")
    if (port := kept_simulator_port()) is not None:
        os.environ.setdefault("SIGNALBOX_SIMULATOR_URL", simulator_url(port))


def servers() -> embedded.Servers:
    """Start or share the missing servers; the environment gets their addresses."""
    found = embedded.start(env.home())
    os.environ["DATABASE_URL"] = found.database_url
    os.environ["REDIS_URL"] = found.redis_url
    return found


def simulator_url(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def simulator_port_file() -> Path:
    return env.home() / "simulator_port"


def kept_simulator_port() -> int | None:
    """Return the port that the simulator had last, so that it can have it again."""
    try:
        return int(simulator_port_file().read_text())
    except (OSError, ValueError):
        return None
