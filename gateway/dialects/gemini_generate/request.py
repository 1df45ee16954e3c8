"""Requests of Google's clients, read into the canonical form."""

from gateway.body_fields import Malformed, check_model
from gateway.canonical import ChatRequest
from gateway.dialects.gemini_generate.contents import messages_of
from gateway.dialects.gemini_generate.generation import settings_of, tools_of
from gateway.dialects.gemini_generate.protocol import (
    NAME,
    member,
    object_in,
    objects_in,
    others,
    whole_in,
)
from gateway.types import JSON

_TRANSLATED = frozenset(
    {
        "contents",
        "systemInstruction",
        "tools",
        "toolConfig",
        "generationConfig",
        # Named by the address, or by whoever took the address apart.
        "model",
        "stream",
    }
)
# Controls of the gateway, which no provider sees.
_CONTROLS = frozenset({"models", "provider"})


def check_request(body: JSON) -> None:
    """Refuse what no provider could answer; the rest is for the provider to judge."""
    if not objects_in(body, "contents"):
        msg = "'contents' must be a list of at least one content."
        raise Malformed(msg, "contents")
    for number, content in enumerate(objects_in(body, "contents")):
        objects_in(content, "parts", f"contents[{number}]")
    check_model(body.get("model") or "")
    object_in(body, "systemInstruction")
    config = object_in(body, "generationConfig")
    for name in ("maxOutputTokens", "candidateCount"):
        value = whole_in(config, name, "generationConfig")
        if value is not None and value < 1:
            path = f"generationConfig.{name}"
            raise Malformed(f"'{path}' must be a whole number above zero.", path)


def max_output_tokens(body: JSON) -> int | None:
    """Return the bound that the request sets on its answer, all candidates together."""
    config = object_in(body, "generationConfig")
    bound = whole_in(config, "maxOutputTokens", "generationConfig")
    if bound is None:
        return None
    return bound * (whole_in(config, "candidateCount", "generationConfig") or 1)


def wants_json(body: JSON) -> bool:
    """Say whether the answer must be JSON, maybe of a given form."""
    config = member(body, "generationConfig")
    return type(config) is dict and any(
        member(config, name)
        for name in ("responseMimeType", "responseSchema", "responseJsonSchema")
    )


def wants_stream(body: JSON) -> bool:
    """Say whether the method in the address was the streaming one."""
    return body.get("stream") is True


def wants_usage(body: JSON) -> bool:
    """Say whether a stream tells its usage; in this dialect all do."""
    return True


def parse_request(body: JSON) -> ChatRequest:
    """Read a request, in camelCase, snake_case or both. Raises `Malformed`."""
    check_request(body)
    config = settings_of(object_in(body, "generationConfig"))
    tools = tools_of(body)
    extra = others(body, _TRANSLATED | _CONTROLS)
    for name, value in (
        ("generationConfig", config.pop("extra")),
        ("tools", tools.own),
        ("toolConfig", tools.own_config),
    ):
        if value:
            extra[name] = value
    return ChatRequest(
        messages=messages_of(body),
        stream=wants_stream(body),
        tools=tools.functions,
        tool_choice=tools.choice,
        extra=extra,
        protocol=NAME,
        **config,
    )
