"""A context has the same place whether a body is relayed or translated."""

from types import ModuleType
from typing import Any

import pytest

from gateway.canonical import ChatRequest, Message, Text
from gateway.context.placing import in_body, in_conversation
from gateway.dialects import (
    anthropic_messages,
    gemini_generate,
    openai_chat,
    openai_responses,
)
from gateway.strict_json import join_fields
from gateway.types import JSON, InferenceRequest

USER: Any = {"role": "user", "content": "Hello"}
PARTS: Any = {"role": "user", "parts": [{"text": "Hello"}]}
DIALECTS = (openai_chat, openai_responses, anthropic_messages, gemini_generate)


def conversation(dialect: ModuleType, system: Any) -> JSON:
    """Return a body in which the system says this."""
    match dialect.NAME:
        case "openai_chat":
            first = [{"role": "system", "content": system}] if system else []
            return {"messages": [*first, USER]}
        case "openai_responses":
            return {"input": "Hello", **({"instructions": system} if system else {})}
        case "anthropic_messages":
            told = {"system": system} if system else {}
            return {"messages": [USER], "max_tokens": 5, **told}
    parts = {"systemInstruction": {"parts": [{"text": system}]}} if system else {}
    return {"contents": [PARTS], **parts}


def request(dialect: ModuleType, body: JSON) -> InferenceRequest:
    return InferenceRequest(
        operation="chat", dialect=dialect.NAME, model="x", fields={}, size=1, body=body
    )


def system_of(asked: ChatRequest) -> str:
    return "\n\n".join(
        part.text
        for message in asked.messages
        if message.role == "system"
        for part in message.parts
        if isinstance(part, Text)
    )


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda each: each.NAME)
@pytest.mark.parametrize("system", ["", "Be brief.", "Know {{context}}, be brief."])
def test_relayed_and_translated_it_says_the_same(
    dialect: ModuleType, system: str
) -> None:
    body = conversation(dialect, system)

    relayed = in_body(request(dialect, body), "CALM {{context}}")
    translated = in_conversation(dialect.parse_request(body), "CALM {{context}}")

    told = system_of(dialect.parse_request(relayed.body))
    assert told == system_of(translated)
    if "{{" in system:
        assert told == "Know CALM {{context}}, be brief."
    else:
        assert told == f"{system}\n\nCALM {{{{context}}}}".strip()
    assert relayed.body.keys() >= body.keys()
    assert body == conversation(dialect, system)
    assert set(relayed.fields) <= set(relayed.body)
    join_fields(relayed.fields)


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda each: each.NAME)
def test_without_words_only_the_place_is_emptied(dialect: ModuleType) -> None:
    bare = conversation(dialect, "Be brief.")
    named = conversation(dialect, "Be {{context}}brief.")

    assert in_body(request(dialect, bare), "").body == bare
    assert system_of(
        dialect.parse_request(in_body(request(dialect, named), "").body)
    ) == ("Be brief.")


def test_what_the_user_says_names_no_place() -> None:
    body = {"messages": [{"role": "user", "content": "Say {{context}}"}]}

    told = in_body(request(openai_chat, body), "CALM").body["messages"]

    assert told[0] == {"role": "system", "content": "CALM"}
    assert told[1]["content"] == "Say {{context}}"
    asked = ChatRequest(messages=(Message("user", (Text("Say {{context}}"),)),))
    assert in_conversation(asked, "CALM").messages[1] == asked.messages[0]


@pytest.mark.parametrize(
    ("dialect", "body", "name", "wanted"),
    [
        (
            anthropic_messages,
            {"system": [{"type": "text", "text": "A", "cache_control": {"x": 1}}]},
            "system",
            [
                {"type": "text", "text": "A", "cache_control": {"x": 1}},
                {"type": "text", "text": "C"},
            ],
        ),
        (
            gemini_generate,
            {"system_instruction": {"role": "x", "parts": {"text": "A"}}},
            "system_instruction",
            {"role": "x", "parts": [{"text": "A"}, {"text": "C"}]},
        ),
        (
            openai_responses,
            {"input": [{"role": "developer", "content": "A {{context}}"}]},
            "input",
            [{"role": "developer", "content": "A C"}],
        ),
    ],
)
def test_every_form_of_a_system_is_known(
    dialect: ModuleType, body: JSON, name: str, wanted: Any
) -> None:
    assert in_body(request(dialect, body), "C").body[name] == wanted
