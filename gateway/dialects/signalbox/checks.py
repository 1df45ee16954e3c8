"""What a body must be, and what serving it needs to know of it."""

import math
from collections.abc import Collection
from typing import Any

from gateway.body_fields import (
    MAX_MODEL_LENGTH,
    integer_in,
    list_in,
    number_in,
    object_in,
    text_in,
)
from gateway.dialects.openai_chat import Malformed
from gateway.dialects.signalbox.protocol import DEFAULT_MAX_TOKENS
from gateway.types import JSON

TASK_TYPES = ("code", "creative", "fast", "analysis")
STRATEGIES = ("cheapest", "fastest", "priority", "weighted")

_FIELDS = (
    "prompt",
    "messages",
    "systemPrompt",
    "temperature",
    "maxTokens",
    "model",
    "models",
    "provider",
    "taskType",
    "tools",
    "toolChoice",
    "responseFormat",
    "userId",
    "feature",
    "featureId",
    "priority",
    "routing",
    "cache",
    "context",
)
_ROUTING = ("strategy", "requiredCapabilities", "region")
_CACHE = ("enabled", "ttl")
# Attribution: as long as its columns.
_LENGTHS = {"userId": 200, "feature": 100, "featureId": 200}
_MAX_PRIORITY_LENGTH = 32


def check_request(body: JSON) -> None:
    """Refuse what is not known, and what cannot mean anything."""
    check_names(body, _FIELDS)
    _check_content(body)
    temperature = number_in(body, "temperature")
    if temperature is not None and not 0 <= temperature <= 2:
        raise Malformed("'temperature' must be from 0 to 2.", "temperature")
    bound = integer_in(body, "maxTokens")
    if bound is not None and bound < 1:
        raise Malformed("'maxTokens' must be above zero.", "maxTokens")
    if len(text_in(body, "model")) > MAX_MODEL_LENGTH:
        msg = f"'model' must have at most {MAX_MODEL_LENGTH} characters."
        raise Malformed(msg, "model")
    if type(body.get("provider")) is not dict:
        text_in(body, "provider")
    _check_choice(body, "taskType", TASK_TYPES)
    _check_attribution(body)
    _check_routing(object_in(body, "routing"))
    _check_cache(object_in(body, "cache"))
    object_in(body, "context")


def max_output_tokens(body: JSON) -> int | None:
    return int(body.get("maxTokens") or DEFAULT_MAX_TOKENS)


def wants_stream(_body: JSON) -> bool:
    """Return False: the path says it, not the body."""
    return False


def wants_usage(_body: JSON) -> bool:
    return True


def wants_json(body: JSON) -> bool:
    """Say whether the answer is to have a format, which is then checked."""
    return body.get("responseFormat") is not None


def check_names(body: JSON, known: Collection[str], at: str = "") -> None:
    for name in body:
        if name not in known:
            place = f"{at}{name[:100]}"
            msg = f"'{place}' is not known; there are {', '.join(sorted(known))}."
            raise Malformed(msg, place)


def _check_content(body: JSON) -> None:
    prompt = text_in(body, "prompt")
    text_in(body, "systemPrompt")
    messages = list_in(body, "messages")
    if prompt and messages:
        raise Malformed("Give 'prompt' or 'messages', not both.", "messages")
    if not prompt and not messages:
        name = "messages" if body.get("messages") is not None else "prompt"
        raise Malformed("Give a 'prompt', or at least one of 'messages'.", name)
    for index, message in enumerate(messages):
        if type(message) is not dict or type(message.get("role")) is not str:
            msg = f"'messages[{index}]' must be an object with a 'role'."
            raise Malformed(msg, f"messages[{index}]")


def _check_choice(body: JSON, name: str, known: Collection[str], at: str = "") -> None:
    value = text_in(body, name, at)
    if value and value not in known:
        msg = f"'{at}{name}' must be one of {', '.join(known)}."
        raise Malformed(msg, at + name)


def _check_attribution(body: JSON) -> None:
    for name, length in _LENGTHS.items():
        value = text_in(body, name)
        if len(value) > length or not value.isprintable():
            msg = f"'{name}' must be at most {length} printable characters."
            raise Malformed(msg, name)
    priority: Any = body.get("priority")
    if priority is None or (type(priority) is int and abs(priority) < 10**9):
        return
    if (
        type(priority) is not str
        or len(priority) > _MAX_PRIORITY_LENGTH
        or not priority.isprintable()
    ):
        msg = (
            f"'priority' must be a word of at most {_MAX_PRIORITY_LENGTH} characters, "
            "or a whole number."
        )
        raise Malformed(msg, "priority")


def _check_routing(routing: JSON) -> None:
    at = "routing."
    check_names(routing, _ROUTING, at)
    _check_choice(routing, "strategy", STRATEGIES, at)
    text_in(routing, "region", at)
    _check_texts(routing, "requiredCapabilities", at)


def _check_cache(cache: JSON) -> None:
    check_names(cache, _CACHE, "cache.")
    if type(cache.get("enabled")) not in {bool, type(None)}:
        raise Malformed("'cache.enabled' must be true or false.", "cache.enabled")
    ttl = cache.get("ttl")
    if ttl is not None and (type(ttl) not in {int, float} or not 0 <= ttl < math.inf):
        raise Malformed("'cache.ttl' must be seconds, not less than 0.", "cache.ttl")


def _check_texts(body: JSON, name: str, at: str) -> None:
    for index, value in enumerate(list_in(body, name, at)):
        if type(value) is not str:
            place = f"{at}{name}[{index}]"
            raise Malformed(f"'{place}' must be a string.", place)
