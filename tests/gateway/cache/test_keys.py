"""Two requests share a key only when nothing that changes the answer differs (K1, K2)."""

import json
import random
import string
from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest
from msgspec import structs

from gateway.cache.keys import key_for
from gateway.cache.known_keys import KnownKeys
from gateway.candidates import Candidate, Candidates
from gateway.dialects import anthropic_messages, gemini_generate, openai_chat
from gateway.types import InferenceRequest, ProviderPreferences
from tests.gateway.records import ENDPOINT, PROVIDER, model

PAIRS = 10_000
SECRET = b"server key"
# One for all tests: no two requests of any of them may be taken for one another.
KNOWN = KnownKeys(SECRET)


def candidates(*numbers: int, **changes: Any) -> Candidates:
    able = [
        Candidate(model(number), ENDPOINT, None, None, 1, 100, 0)
        for number in numbers or (1,)
    ]
    return Candidates("fast", "priority", changes.pop("defaults", {}), able, **changes)


def asked(
    dialect: ModuleType, body: dict[str, Any], **changes: Any
) -> InferenceRequest:
    fields = {name: json.dumps(value).encode() for name, value in body.items()}
    request = InferenceRequest(
        "chat", dialect.NAME, body.get("model", ""), fields, 100, body=body
    )
    return structs.replace(request, **changes)


def key_of(
    body: dict[str, Any],
    dialect: ModuleType = openai_chat,
    *,
    project_id: int = 1,
    among: Candidates | None = None,
    **changes: Any,
) -> str:
    """Return the key; those that are known are the same as those worked out."""
    request, found = asked(dialect, body, **changes), among or candidates()
    key = key_for(project_id, request, found, dialect, SECRET)
    for _ in range(2):
        assert KNOWN.key_for(project_id, request, found, dialect) == key
    return key


def text(lots: random.Random) -> str:
    length = lots.randint(1, 12)
    return "".join(lots.choice(string.ascii_letters + ' "\\é') for _ in range(length))


def openai_body(lots: random.Random) -> dict[str, Any]:
    roles = ["user", "assistant", "system", "developer"]
    body: dict[str, Any] = {
        "model": "fast",
        "messages": [
            {
                "role": lots.choice(roles),
                "content": lots.choice(
                    [text(lots), [{"type": "text", "text": text(lots)}]]
                ),
            }
            for _ in range(lots.randint(1, 3))
        ],
    }
    optional: dict[str, Any] = {
        "max_tokens": lots.randint(1, 500),
        "temperature": lots.random(),
        "top_p": lots.random(),
        "seed": lots.randint(0, 99),
        "stop": [text(lots)],
        "tools": [{"type": "function", "function": {"name": text(lots)}}],
        "response_format": {"type": "json_object"},
        "logit_bias": {"7": lots.randint(-100, 100)},
        "n": lots.randint(1, 3),
        "presence_penalty": lots.random(),
        "reasoning_effort": "low",
        text(lots): text(lots),
    }
    for name in lots.sample(sorted(optional), lots.randint(0, 5)):
        body[name] = optional[name]
    return body


def changed(lots: random.Random, body: dict[str, Any]) -> dict[str, Any]:
    """Return the body with one field added, taken away or given another value."""
    other: dict[str, Any] = json.loads(json.dumps(body))
    names = sorted(set(other) - {"model", "messages"})
    match lots.randrange(4):
        case 0 if names:
            del other[lots.choice(names)]
        case 1 if names:
            other[lots.choice(names)] = ["something", "else"]
        case 2:
            other[f"x_{text(lots)}"] = text(lots)
        case _:
            message = lots.choice(other["messages"])
            if isinstance(message["content"], str):
                message["content"] += "!"
            else:
                message["content"][0]["text"] += "!"
    return other


def test_no_two_of_ten_thousand_that_differ_share_a_key() -> None:
    lots = random.Random(4711)
    for _ in range(PAIRS):
        body = openai_body(lots)
        project_id = lots.randint(1, 9)
        key = key_of(body, project_id=project_id)
        assert key == key_of(json.loads(json.dumps(body)), project_id=project_id)
        if lots.random() < 0.2:
            other = key_of(body, project_id=project_id + lots.randint(1, 9))
        else:
            other = key_of(changed(lots, body), project_id=project_id)
        assert key != other


BODY: dict[str, Any] = {
    "model": "fast",
    "messages": [{"role": "user", "content": "Hello"}],
    "max_tokens": 9,
}


@pytest.mark.parametrize(
    "difference",
    [
        {"project_id": 2},
        {"operation": "responses"},
        {"preferences": ProviderPreferences(region="eu")},
        {"preferences": ProviderPreferences(only=frozenset({"acme"}))},
        {"strict_params": True},
        {"effort": "high"},
        {"among": candidates(2)},
        {"among": candidates(1, 2)},
        {"among": candidates(defaults={"temperature": 0.1})},
        {"forwarded": (("anthropic-beta", "x"),)},
    ],
    ids=str,
)
def test_what_surrounds_the_body_counts_too(difference: dict[str, Any]) -> None:
    assert key_of(BODY) != key_of(BODY, **difference)


@pytest.mark.parametrize(
    "change",
    [
        {"base_url": "https://elsewhere.example"},
        {"add_params": {"seed": 1}},
        {"drop_params": frozenset({"seed"})},
        {"headers": (("x-a", "b"),)},
    ],
    ids=str,
)
def test_how_a_provider_is_asked_counts(change: dict[str, Any]) -> None:
    """K4."""
    other = model(1, replace(PROVIDER, **change))
    able = [Candidate(other, ENDPOINT, None, None, 1, 100, 0)]

    assert key_of(BODY) != key_of(BODY, among=Candidates("fast", "priority", {}, able))


@pytest.mark.parametrize(
    "addition",
    [
        {"stream": True},
        {"stream_options": {"include_usage": True}},
        {"user": "u-1"},
        {"metadata": {"a": "b"}},
        {"safety_identifier": "s"},
    ],
    ids=str,
)
def test_who_asks_and_how_it_is_delivered_does_not_count(
    addition: dict[str, Any],
) -> None:
    unusual = {**BODY, "seed": 7}

    assert key_of(BODY) == key_of({**BODY, **addition})
    assert key_of(unusual) == key_of({**unusual, **addition})


def test_plain_text_means_the_same_in_every_dialect() -> None:
    gemini = {
        "contents": [{"role": "user", "parts": [{"text": "Hello"}]}],
        "generationConfig": {"maxOutputTokens": 9},
    }
    version = (("anthropic-version", "2023-06-01"),)

    assert key_of(BODY) == key_of(gemini, gemini_generate)
    assert key_of(BODY) == key_of(BODY, anthropic_messages, forwarded=version)


@pytest.mark.parametrize(
    "message",
    [
        {"role": "user", "content": "Hello", "name": "Ada"},
        {"role": "user", "content": [{"type": "text", "text": "Hello", "x": 1}]},
        {"role": "developer", "content": "Hello"},
        {"role": "user", "content": [{"type": "text", "text": "Hello", "cached": 1}]},
    ],
    ids=str,
)
def test_what_is_not_quite_plain_is_told_apart_by_its_bytes(
    message: dict[str, Any],
) -> None:
    plain = key_of({**BODY, "messages": [{**message, "role": "user"}]})

    assert key_of(BODY) != key_of({**BODY, "messages": [message]})
    assert plain != key_of(BODY) or message["role"] == "developer"


def test_a_key_needs_the_servers_secret() -> None:
    request = asked(openai_chat, BODY)
    keys = {
        key_for(1, request, candidates(), openai_chat, secret)
        for secret in (b"one", b"other")
    }

    assert len(keys) == 2


def test_numbers_are_compared_as_they_were_written() -> None:
    assert key_of({**BODY, "seed": 1}) != key_of({**BODY, "seed": "1"})
    assert key_of({**BODY, "x": 2**70}) != key_of({**BODY, "x": 2**70 + 1})
