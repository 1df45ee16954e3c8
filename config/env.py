"""The environment: every variable the product reads, with its default and its check."""

import base64
import json
import os
import secrets
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any

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
ROLES = ("owner", "operator", "analyst", "read_only")


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


def trusted_proxies() -> tuple[IPv4Network | IPv6Network, ...]:
    """Return the networks of the proxies whose X-Forwarded-For is believed."""
    names = env.list("SIGNALBOX_TRUSTED_PROXIES", default=[])
    try:
        return tuple(ip_network(name.strip()) for name in names)
    except ValueError as error:
        msg = (
            "SIGNALBOX_TRUSTED_PROXIES must be a comma-separated list of networks, "
            f"such as 10.0.0.0/8: {error}."
        )
        raise ImproperlyConfigured(msg) from error


def require_two_factor() -> str:
    """Return who has to have a second factor: off, owners or all."""
    wanted = str(env.str("SIGNALBOX_REQUIRE_TWO_FACTOR", default="off")).lower()
    if wanted not in {"off", "owners", "all"}:
        msg = "SIGNALBOX_REQUIRE_TWO_FACTOR must be off, owners or all."
        raise ImproperlyConfigured(msg)
    return wanted


def oidc() -> dict[str, Any]:
    """Return how people sign in by OpenID Connect; without an issuer they do not."""
    settings = {
        "issuer": env.str("SIGNALBOX_OIDC_ISSUER", default="").rstrip("/"),
        "client_id": env.str("SIGNALBOX_OIDC_CLIENT_ID", default=""),
        "client_secret": env.str("SIGNALBOX_OIDC_CLIENT_SECRET", default=""),
        "name": env.str("SIGNALBOX_OIDC_NAME", default="single sign-on"),
        "trust_email": env.bool("SIGNALBOX_OIDC_TRUST_EMAIL", default=False),
        "default_role": env.str("SIGNALBOX_OIDC_DEFAULT_ROLE", default=""),
        "organization": env.str("SIGNALBOX_OIDC_ORGANIZATION", default="default"),
        "groups_claim": env.str("SIGNALBOX_OIDC_GROUPS_CLAIM", default="groups"),
        "groups": _groups(env.str("SIGNALBOX_OIDC_GROUPS", default="")),
    }
    if settings["issuer"] and not settings["client_id"]:
        msg = "SIGNALBOX_OIDC_ISSUER needs SIGNALBOX_OIDC_CLIENT_ID as well."
        raise ImproperlyConfigured(msg)
    if settings["default_role"] not in {"", *ROLES}:
        msg = f"SIGNALBOX_OIDC_DEFAULT_ROLE must be one of {', '.join(ROLES)}."
        raise ImproperlyConfigured(msg)
    return settings


def _groups(text: str) -> dict[str, dict[str, str]]:
    """Return the organization and role by group; no organization: the installation."""
    msg = (
        "SIGNALBOX_OIDC_GROUPS must be JSON like "
        '{"staff": {"organization": "default", "role": "operator"}}; without an '
        f"organization a role holds everywhere. Roles: {', '.join(ROLES)}."
    )
    try:
        given = json.loads(text) if text else {}
    except ValueError as error:
        raise ImproperlyConfigured(msg) from error
    groups = {}
    for name, value in given.items() if isinstance(given, dict) else [("", None)]:
        if not isinstance(value, dict) or value.get("role") not in ROLES:
            raise ImproperlyConfigured(msg)
        organization = value.get("organization") or ""
        groups[str(name)] = {"organization": str(organization), "role": value["role"]}
    return groups


def telemetry() -> frozenset[str]:
    """Return what an OpenTelemetry collector is told: traces, metrics, both or nothing."""
    if env.bool("OTEL_SDK_DISABLED", default=False):
        return frozenset()
    signals = set()
    for signal in ("traces", "metrics"):
        name = signal.upper()
        endpoint = env.str(
            f"OTEL_EXPORTER_OTLP_{name}_ENDPOINT",
            default=env.str("OTEL_EXPORTER_OTLP_ENDPOINT", default=""),
        )
        exporter = env.str(f"OTEL_{name}_EXPORTER", default="otlp")
        if not endpoint or exporter == "none":
            continue
        if exporter != "otlp":
            msg = f"OTEL_{name}_EXPORTER must be otlp or none, not {exporter!r}."
            raise ImproperlyConfigured(msg)
        protocol = env.str(
            f"OTEL_EXPORTER_OTLP_{name}_PROTOCOL",
            default=env.str("OTEL_EXPORTER_OTLP_PROTOCOL", default="http/protobuf"),
        )
        if protocol != "http/protobuf":
            msg = (
                f"OTEL_EXPORTER_OTLP_PROTOCOL must be http/protobuf, not {protocol!r}; "
                "collectors take that on port 4318."
            )
            raise ImproperlyConfigured(msg)
        signals.add(signal)
    return frozenset(signals)


def configured_provider_keys() -> list[str]:
    """Return the names of the provider keys that the environment holds."""
    return [name for name in PROVIDER_KEY_NAMES if env.str(name, default="")]


def web_workers() -> int:
    return int(env.int("WEB_WORKERS", default=min(os.cpu_count() or 1, 4)))
