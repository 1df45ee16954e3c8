"""What a request needs a model to be able to, as its body shows it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.selection.needs import NOTHING, needs_of
from gateway.types import JSON
from tests.gateway.records import request

IMAGE = {"type": "image_url", "image_url": {"url": "https://images.example/a.png"}}
SAID = {"type": "text", "text": "What is this?"}
FUNCTION = {"name": "f", "parameters": {}}


def needs(dialect: str, body: JSON) -> set[str]:
    asked = request("fast", body=body)
    asked.dialect = dialect
    return set(needs_of(asked))


def said(*parts: JSON) -> JSON:
    return {"messages": [{"role": "user", "content": list(parts)}]}


CASES: list[tuple[str, JSON, set[str]]] = [
    ("openai_chat", {"messages": [{"role": "user", "content": "Hi"}]}, set()),
    ("openai_chat", said(SAID), set()),
    ("openai_chat", said(SAID, IMAGE), {"vision"}),
    ("openai_chat", said({"type": "input_audio", "input_audio": {}}), {"audio_in"}),
    ("openai_chat", said({"type": "file", "file": {}}), {"files"}),
    ("openai_chat", {**said(IMAGE), "tools": [FUNCTION]}, {"vision", "tools"}),
    ("openai_chat", {"tools": [], "messages": []}, set()),
    ("openai_chat", {"functions": [FUNCTION]}, {"tools"}),
    ("openai_chat", {"response_format": {"type": "json_object"}}, set()),
    ("openai_chat", {"reasoning_effort": "high"}, set()),
    ("signalbox", {"prompt": "Hi", "responseFormat": "json"}, set()),
    ("signalbox", said(IMAGE), {"vision"}),
    ("anthropic_messages", said({"type": "image", "source": {}}), {"vision"}),
    (
        "anthropic_messages",
        said({"type": "document", "source": {"type": "base64"}}),
        {"files"},
    ),
    (
        "anthropic_messages",
        said({"type": "document", "source": {"type": "text", "data": "Hi"}}),
        set(),
    ),
    (
        "anthropic_messages",
        said({"type": "tool_result", "content": [{"type": "image"}]}),
        {"vision"},
    ),
    ("openai_responses", {"input": "Hi"}, set()),
    (
        "openai_responses",
        {"input": [{"role": "user", "content": [{"type": "input_image"}]}]},
        {"vision"},
    ),
    (
        "openai_responses",
        {
            "input": [
                {"type": "function_call_output", "output": [{"type": "input_file"}]}
            ]
        },
        {"files"},
    ),
    ("openai_responses", {"tools": [{"type": "function"}]}, {"tools"}),
    ("openai_responses", {"tools": [{"type": "web_search"}]}, set()),
    ("gemini_generate", {"contents": [{"parts": [{"text": "Hi"}]}]}, set()),
    (
        "gemini_generate",
        {"contents": [{"parts": [{"inlineData": {"mimeType": "image/png"}}]}]},
        {"vision"},
    ),
    (
        "gemini_generate",
        {"contents": [{"parts": [{"file_data": {"mime_type": "audio/mpeg"}}]}]},
        {"audio_in"},
    ),
    (
        "gemini_generate",
        {"contents": {"parts": {"inlineData": {"mimeType": "application/pdf"}}}},
        {"files"},
    ),
    ("gemini_generate", {"tools": [{"functionDeclarations": [FUNCTION]}]}, {"tools"}),
    ("gemini_generate", {"tools": [{"googleSearch": {}}]}, set()),
    ("openai_embeddings", {"input": ["Hi"]}, set()),
]


@pytest.mark.parametrize(("dialect", "body", "expected"), CASES)
def test_the_body_shows_what_is_needed(
    dialect: str, body: JSON, expected: set[str]
) -> None:
    assert needs(dialect, body) == expected


def test_a_plain_text_needs_nothing_and_makes_nothing() -> None:
    asked = request("fast", body={"messages": [{"role": "user", "content": "Hi"}]})

    assert needs_of(asked) is NOTHING


anything: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "type",
                    "content",
                    "source",
                    "parts",
                    "inlineData",
                    "mimeType",
                    "output",
                ]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)


@given(
    dialect=st.sampled_from(
        ["openai_chat", "anthropic_messages", "openai_responses", "gemini_generate"]
    ),
    body=st.dictionaries(
        st.sampled_from(["messages", "input", "contents", "tools", "functions"]),
        anything,
    ),
)
def test_no_body_is_too_strange_to_be_looked_at(dialect: str, body: JSON) -> None:
    assert needs(dialect, body) <= {"vision", "audio_in", "files", "tools"}
