"""Whose answers are kept, of which requests, and for how long."""

from collections.abc import Mapping
from typing import Any

import msgspec

from gateway.configuration.records import ProjectRecord
from gateway.refusals import InvalidRequest
from gateway.types import InferenceRequest

DEFAULT_TTL_S = 86_400.0
MAX_TTL_S = 30 * 86_400.0

OPERATIONS = frozenset({"chat", "responses", "embeddings", "moderation", "rerank"})
_HEADER = "x-signalbox-cache"
_OWN_DIALECT = "signalbox"

# With these an answer depends on more than the request, or does more than answer.
_LIVE = frozenset(
    {
        "tools",
        "functions",
        "plugins",
        "web_search_options",
        "search_parameters",
        "mcp_servers",
        "container",
    }
)
_STATEFUL = frozenset({"previous_response_id", "conversation", "background"})


class Wish(msgspec.Struct, frozen=True):
    """What a request says about the cache; `ttl_s` None: as long as the project says."""

    is_off: bool = False
    refresh: bool = False
    insists: bool = False
    ttl_s: float | None = None


class Rule(msgspec.Struct, frozen=True):
    """What holds for one request. An entry older than `max_age_s` is not taken."""

    ttl_s: float
    max_age_s: float
    refresh: bool


_NO_WISH = Wish()


def rule_for(request: InferenceRequest, project: ProjectRecord) -> Rule | None:
    """Return how the request is cached; None when it is not.

    Raises `InvalidRequest` for a wish that cannot be understood.
    """
    wish = _NO_WISH
    if request.cache_wish:
        wish = _header_wish(request.cache_wish)
    elif request.dialect == _OWN_DIALECT and request.body.get("cache"):
        wish = _body_wish(request.body["cache"])
    settings = project.cache
    if settings.get("enabled") is not True or wish.is_off:
        return None
    if request.end_user is not None and request.end_user.credentials:
        # What an end user's own server says is not for others to hear.
        return None
    if request.context is not None and not _may_keep(request, settings):
        return None
    if request.operation not in OPERATIONS or not _STATEFUL.isdisjoint(request.fields):
        return None
    if settings.get("all") is not True and not _is_settled(request, wish):
        return None
    ttl_s = wish.ttl_s or _seconds(settings.get("ttl_s")) or DEFAULT_TTL_S
    ttl_s = min(ttl_s, MAX_TTL_S)
    return Rule(ttl_s, wish.ttl_s or MAX_TTL_S, wish.refresh)


def _may_keep(request: InferenceRequest, settings: Mapping[str, Any]) -> bool:
    """Say whether an answer given with a context may be kept, sealed for its end user."""
    return settings.get("context") is True and request.context.secret is not None


def _is_settled(request: InferenceRequest, wish: Wish) -> bool:
    """Say whether the same answer serves as well as a new one.

    Who asks for the cache by name takes a sampled answer again; nobody takes what may
    have consulted the world.
    """
    if not _LIVE.isdisjoint(request.fields):
        return False
    if wish.insists:
        return True
    said = request.body.get("generationConfig")
    if not isinstance(said, Mapping):
        said = request.body
    return said.get("temperature") in (None, 0)


def _header_wish(value: bytes) -> Wish:
    text = value.decode("latin-1").strip().lower()
    if text == "off":
        return Wish(is_off=True)
    if text == "refresh":
        return Wish(refresh=True, insists=True)
    if text.isascii() and text.isdecimal() and len(text) <= 10:
        return Wish(is_off=int(text) == 0, insists=True, ttl_s=float(text))
    msg = f"'{_HEADER}' must be off, refresh, or a number of seconds."
    raise InvalidRequest(msg, param=_HEADER)


def _body_wish(said: Mapping[str, Any]) -> Wish:
    """Return the wish of our own dialect, whose body has been checked."""
    ttl_s = said.get("ttl")
    is_off = said.get("enabled") is False or ttl_s == 0
    return Wish(is_off=is_off, insists=said.get("enabled") is True, ttl_s=ttl_s)


def _seconds(value: object) -> float | None:
    """Return the time that an operator has set, if it is one."""
    if type(value) in {int, float} and value > 0:  # type: ignore[operator]
        return float(value)  # type: ignore[arg-type]
    return None
