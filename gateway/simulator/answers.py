"""Deterministic answers: the same request always gets the same words."""

import hashlib
import itertools
import json
import time
from dataclasses import replace

import orjson

from gateway.simulator.behaviour import Behaviour
from gateway.simulator.schemas import example_of
from gateway.simulator.transcript import CHARACTERS_PER_TOKEN, tokens_in
from gateway.simulator.types import (
    JSON,
    Answer,
    Ask,
    Choice,
    Tool,
    ToolCall,
    Usage,
)
from gateway.simulator.vectors import vector_of

REASONING_TOKENS = 64
REFUSAL = "I'm sorry, but the simulator was asked to refuse."
WORDS = (  # noqa: SIM905
    "amber anchor autumn basin birch bridge candle canyon cedar cloud copper coral "
    "crystal dawn delta ember falcon fern field flint forest garden glacier granite "
    "harbor hazel heron hollow island ivory juniper kestrel lagoon lantern larch "
    "linen maple marble meadow mirror moss oak ocean olive opal orchard pebble pine "
    "plain poplar prairie quartz raven reed ridge river saffron sage sparrow spruce "
    "summit thistle timber valley willow"
).split()

# A prompt that says this goes on with the schema.
_TOLD_SCHEMA = "JSON schema:"

_scanner = json.JSONDecoder()
_serial = itertools.count(1)


def answer(ask: Ask, behaviour: Behaviour) -> Answer:
    """Return the answer to a request, with its usage."""
    serial = next(_serial)
    wordless = ask.is_free or ask.is_blocked or ask.inputs
    reasoning = REASONING_TOKENS if ask.thinks and not wordless else 0
    choices = [
        _choice(ask, behaviour, serial, index, reasoning)
        for index in range(0 if wordless else ask.choices)
    ]
    cached = min(behaviour.cached_tokens, ask.prompt_tokens)
    return Answer(
        id=f"{serial:x}{_digest(ask.prompt, ask.model)[:6].hex()}",
        created=int(time.time()),
        model=ask.model,
        choices=choices,
        usage=Usage(
            prompt_tokens=ask.prompt_tokens,
            completion_tokens=sum(map(_tokens_of, choices)) + reasoning,
            cached_tokens=cached,
            reasoning_tokens=reasoning,
            cache_write_tokens=min(
                behaviour.cache_write_tokens, ask.prompt_tokens - cached
            ),
        ),
        vectors=[vector_of(text, length) for text, length in ask.inputs],
    )


def _choice(
    ask: Ask, behaviour: Behaviour, serial: int, index: int, reasoning: int
) -> Choice:
    choice = _spoken(ask, behaviour, serial, index, reasoning)
    return replace(choice, thoughts=_thoughts(ask)) if reasoning else choice


def _spoken(
    ask: Ask, behaviour: Behaviour, serial: int, index: int, reasoning: int
) -> Choice:
    if tools := _tools_to_call(ask):
        calls = [
            _tool_call(tool, f"{serial:x}{index}{number}")
            for number, tool in enumerate(tools)
        ]
        return Choice([], finish_reason="tool_calls", tool_calls=calls)
    if "refuse to answer" in ask.last_user_text.lower():
        return Choice(_pieces(REFUSAL), is_refusal=True)
    if (schema := _schema_of(ask)) is not None:
        text = _json_text(ask, schema)
        return _shorten(_split(text, behaviour.events or 8), ask, reasoning)
    return _shorten(_prose(ask, behaviour.events, index), ask, reasoning)


def _tools_to_call(ask: Ask) -> list[Tool]:
    """Return the tools that the last message asks for, none once a result is there."""
    if not ask.tools or ask.tool_result is not None:
        return []
    named = [tool for tool in ask.tools if tool.name == ask.must_call]
    offered = named or ask.tools
    wish = ask.last_user_text.lower()
    if "call two tools" in wish and not ask.one_call_only:
        return (offered + offered)[:2]
    if "call a tool" in wish or "call two tools" in wish or ask.must_call is not None:
        return offered[:1]
    return []


def _tool_call(tool: Tool, suffix: str) -> ToolCall:
    if tool.schema is None:
        return ToolCall(f"call_{suffix}", tool.name, "sample input", is_custom=True)
    arguments = orjson.dumps(example_of(tool.schema)).decode()
    return ToolCall(f"call_{suffix}", tool.name, arguments)


def _schema_of(ask: Ask) -> JSON | None:
    """Return what the answer must fit: as the protocol says it, or the prompt."""
    _, told, rest = ask.prompt.rpartition(_TOLD_SCHEMA)
    if ask.schema or not told:
        return ask.schema
    try:
        schema, _ = _scanner.raw_decode(rest.lstrip())
    except ValueError:
        return ask.schema
    return schema if isinstance(schema, dict) else ask.schema


def _json_text(ask: Ask, schema: JSON) -> str:
    if not schema:
        value = {"model": ask.model, "answer": _excerpt(ask.last_user_text)}
    else:
        value = example_of(schema)
    return orjson.dumps(value).decode()


def _prose(ask: Ask, events: int | None, index: int) -> list[str]:
    """Return the words of an answer, as many as events when that is set."""
    if ask.tool_result is not None:
        heard = f"The tool said: {_excerpt(ask.tool_result)}."
    else:
        heard = f"You wrote: {_excerpt(ask.last_user_text)}."
    seen = f" I see {ask.images} image(s)." if ask.images else ""
    opening = f"This is {ask.model}, simulated. {heard}{seen}".split(" ")
    digest = _digest(ask.prompt, ask.model, str(index))
    wanted = events or len(opening) + 12 + digest[0] % 12
    filler = (
        WORDS[byte % len(WORDS)]
        for turn in itertools.count()
        for byte in _digest(digest.hex(), str(turn))
    )
    words = [*opening, *itertools.islice(filler, max(0, wanted - len(opening)))]
    return _pieces(" ".join(words[:wanted]))


def _thoughts(ask: Ask) -> list[str]:
    if not ask.shows_thoughts:
        return []
    about = _excerpt(ask.tool_result or ask.last_user_text)
    return _pieces(f"The request is about: {about}. A simulated answer will do.")


def _shorten(pieces: list[str], ask: Ask, reasoning: int) -> Choice:
    """Apply stop sequences and the token maximum."""
    text = "".join(pieces)
    end, reason, stopped_by = len(text), "stop", None
    for stop in ask.stop:
        if stop and -1 < (found := text.find(stop)) < end:
            end, stopped_by = found, stop
    if ask.max_tokens is not None:
        room = max(0, ask.max_tokens - reasoning) * CHARACTERS_PER_TOKEN
        if room < end:
            end, reason, stopped_by = room, "length", None
    if end == len(text):
        return Choice(pieces)
    kept = []
    for piece in pieces:
        if end <= 0:
            break
        kept.append(piece[:end])
        end -= len(piece)
    return Choice(kept, finish_reason=reason, stopped_by=stopped_by)


def _tokens_of(choice: Choice) -> int:
    called = sum(tokens_in(call.name + call.arguments) for call in choice.tool_calls)
    return tokens_in("".join(choice.pieces)) + called


def _pieces(text: str) -> list[str]:
    first, *rest = text.split(" ")
    return [first, *(f" {word}" for word in rest)]


def _split(text: str, parts: int) -> list[str]:
    size = max(1, -(-len(text) // parts))
    return [text[at : at + size] for at in range(0, len(text), size)]


def _excerpt(text: str) -> str:
    return " ".join(text.split())[:80] or "nothing"


def _digest(*parts: str) -> bytes:
    text = "\0".join(parts).encode("utf-8", "replace")
    return hashlib.blake2b(text, digest_size=64).digest()
