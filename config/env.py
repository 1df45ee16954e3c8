"""The environment: every variable the product reads, with its default and its check."""

import base64
import os
import secrets
from pathlib import Path

import environ
from django.core.exceptions import ImproperlyConfigured

env = environ.Env()

BASE_DIR = Path(__file__).resolve().parent.parent

PROVIDER_KEY_NAMES = (
    "OPENAI_API_KEY",
    "ANTHROPIC_API_KEY",
    "GEMINI_API_KEY",
    "XAI_API_KEY",
    "AZURE_OPENAI_API_KEY",
    "GROQ_API_KEY",
    "PERPLEXITY_API_KEY",
    "MISTRAL_API_KEY",
    "TOGETHER_API_KEY",
    "COHERE_API_KEY",
    "OPENROUTER_API_KEY",
    "DEEPINFRA_API_KEY",
    "ELEVENLABS_API_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_BEARER_TOKEN_BEDROCK",
    "VERTEX_SERVICE_ACCOUNT_JSON",
)

KEK_BYTES = 32


def home() -> Path:
    """Return the data folder of the embedded servers and the metering spool."""
    return Path(
        env.str("SIGNALBOX_HOME", default=str(BASE_DIR / ".signalbox"))
    ).resolve()


def debug() -> bool:
    return bool(env.bool("DEBUG", default=False))


def secret_key() -> str:
    """Return SECRET_KEY, or the one kept in the home folder of a development checkout."""
    if value := env.str("SECRET_KEY", default=""):
        return str(value)
    return _kept("secret_key", "SECRET_KEY", secrets.token_urlsafe(50))


def key_encryption_keys() -> dict[str, bytes]:
    """Return the key-encryption keys by id, newest first."""
    text = env.str("SIGNALBOX_KEK", default="")
    if not text:
        fresh = base64.b64encode(secrets.token_bytes(KEK_BYTES)).decode()
        text = _kept("kek", "SIGNALBOX_KEK", f"k1:{fresh}")
    keys: dict[str, bytes] = {}
    for item in text.split(","):
        key_id, _, encoded = item.strip().partition(":")
        try:
            key = base64.b64decode(encoded, validate=True)
        except ValueError:
            key = b""
        if not key_id or len(key) != KEK_BYTES:
            msg = (
                "SIGNALBOX_KEK must be a comma-separated list of id:base64, "
                f"each key {KEK_BYTES} bytes long, newest first."
            )
            raise ImproperlyConfigured(msg)
        keys[key_id] = key
    return keys


def _kept(file_name: str, variable: str, fresh: str) -> str:
    """Return the secret kept in the home folder, making it on a developer's first run."""
    path = home() / file_name
    if not path.exists():
        if not debug():
            msg = (
                f"{variable} must be set (it is made by itself only when DEBUG is on)."
            )
            raise ImproperlyConfigured(msg)
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            pass
        else:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(fresh)
    return path.read_text(encoding="utf-8").strip()


def configured_provider_keys() -> list[str]:
    """Return the names of the provider keys that the environment holds."""
    return [name for name in PROVIDER_KEY_NAMES if env.str(name, default="")]


def web_workers() -> int:
    return int(env.int("WEB_WORKERS", default=min(os.cpu_count() or 1, 4)))
