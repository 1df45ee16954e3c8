"""Deterministic answers: the same request always gets the same words.

Tokens are counted as a quarter of the characters, rounded up, and an image, a sound or
a file counts for a fixed number of them.
"""

import hashlib
import itertools
import time

import orjson

from gateway.simulator.behaviour import Behaviour
from gateway.simulator.schemas import example_of
from gateway.simulator.types import Answer, Ask, Choice, Tool, ToolCall, Usage

CHARACTERS_PER_TOKEN = 4
TOKENS_PER_ATTACHMENT = 85
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

_serial = itertools.count(1)


def tokens_in(text: str) -> int:
    return -(-len(text) // CHARACTERS_PER_TOKEN)


def answer(ask: Ask, behaviour: Behaviour) -> Answer:
    """Return the answer to a request, with its usage."""
    serial = next(_serial)
    reasoning = REASONING_TOKENS if ask.model.startswith("sim-reasoning") else 0
    choices = [
        _choice(ask, behaviour, serial, index, reasoning)
        for index in range(ask.choices)
    ]
    return Answer(
        id=f"{serial:x}{_digest(ask.prompt, ask.model)[:6].hex()}",
        created=int(time.time()),
        model=ask.model,
        choices=choices,
        usage=Usage(
            prompt_tokens=ask.prompt_tokens,
            completion_tokens=sum(map(_tokens_of, choices)) + reasoning,
            cached_tokens=min(behaviour.cached_tokens, ask.prompt_tokens),
            reasoning_tokens=reasoning,
        ),
    )


def _choice(
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
    if ask.schema is not None:
        text = _json_text(ask)
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


def _json_text(ask: Ask) -> str:
    if not ask.schema:
        value = {"model": ask.model, "answer": _excerpt(ask.last_user_text)}
    else:
        value = example_of(ask.schema)
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


def _shorten(pieces: list[str], ask: Ask, reasoning: int) -> Choice:
    """Apply stop sequences and the token maximum."""
    text = "".join(pieces)
    end, reason = len(text), "stop"
    for stop in ask.stop:
        if stop and (found := text.find(stop)) != -1:
            end = min(end, found)
    if ask.max_tokens is not None:
        room = max(0, ask.max_tokens - reasoning) * CHARACTERS_PER_TOKEN
        if room < end:
            end, reason = room, "length"
    if end == len(text):
        return Choice(pieces)
    kept = []
    for piece in pieces:
        if end <= 0:
            break
        kept.append(piece[:end])
        end -= len(piece)
    return Choice(kept, finish_reason=reason)


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
