"""What holds for every dialect: a body is read or refused, whatever it holds."""

import contextlib
import importlib
import json
import pkgutil
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import dialects
from gateway.multipart import Part
from tests.gateway.recordings import SCHEMA

JUNK: list[Any] = [None, True, -1, 1.5, 1e40, "", "x", [], {}, [None], [{}], {"a": 1}]
NAMES = [module.name for module in pkgutil.iter_modules(dialects.__path__)]
PNG = "data:image/png;base64,aW1n"
FUNCTION = {
    "type": "function",
    "function": {
        "name": "look",
        "description": "Looks.",
        "parameters": SCHEMA,
        "strict": True,
    },
}
CHAT: list[dict[str, Any]] = [
    {"role": "system", "content": "Be brief."},
    {
        "role": "user",
        "content": [
            {"type": "text", "text": "Hi"},
            {"type": "image_url", "image_url": {"url": PNG, "detail": "low"}},
            {"type": "input_audio", "input_audio": {"data": "YQ==", "format": "wav"}},
            {"type": "file", "file": {"file_data": PNG, "filename": "a.pdf"}},
        ],
    },
    {
        "role": "assistant",
        "content": "Hm.",
        "reasoning_details": [
            {"type": "reasoning.text", "text": "a", "signature": "b", "format": "c"}
        ],
        "tool_calls": [
            {
                "id": "1",
                "type": "function",
                "function": {"name": "look", "arguments": "{}"},
                "extra_content": {"google": {"thought_signature": "s"}},
            }
        ],
    },
    {"role": "tool", "tool_call_id": "1", "content": [{"type": "text", "text": "x"}]},
]
FORMAT = {
    "type": "json_schema",
    "json_schema": {"name": "p", "schema": SCHEMA, "strict": True},
}
# A body of each dialect that says nearly all that can be said in it.
FULL: dict[str, dict[str, Any]] = {
    "openai_chat": {
        "model": "m",
        "messages": CHAT,
        "tools": [FUNCTION],
        "tool_choice": {"type": "function", "function": {"name": "look"}},
        "parallel_tool_calls": False,
        "response_format": FORMAT,
        "reasoning_effort": "low",
        "max_completion_tokens": 9,
        "temperature": 1,
        "top_p": 0.5,
        "stop": ["a"],
        "seed": 1,
        "n": 2,
        "presence_penalty": 0.1,
        "frequency_penalty": 0.1,
        "logprobs": True,
        "top_logprobs": 2,
        "user": "u",
        "metadata": {"a": "b"},
        "stream": True,
        "stream_options": {"include_usage": True},
    },
    "openai_responses": {
        "model": "m",
        "instructions": "Be brief.",
        "input": [
            {
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "Hi"},
                    {"type": "input_image", "image_url": PNG, "detail": "auto"},
                    {"type": "input_file", "file_data": PNG, "filename": "a.pdf"},
                ],
            },
            {
                "type": "reasoning",
                "id": "rs_1",
                "summary": [{"type": "summary_text", "text": "a"}],
                "encrypted_content": "e",
            },
            {
                "type": "message",
                "role": "assistant",
                "content": [{"type": "output_text", "text": "b", "annotations": []}],
            },
            {
                "type": "function_call",
                "call_id": "1",
                "name": "look",
                "arguments": "{}",
            },
            {"type": "function_call_output", "call_id": "1", "output": "x"},
        ],
        "tools": [{"type": "function", "name": "look", "parameters": SCHEMA}],
        "tool_choice": {"type": "function", "name": "look"},
        "text": {"format": {"type": "json_schema", "name": "p", "schema": SCHEMA}},
        "reasoning": {"effort": "low", "summary": "auto"},
        "include": ["reasoning.encrypted_content"],
        "max_output_tokens": 20,
        "metadata": {"a": "b"},
        "store": False,
        "stream": True,
    },
    "anthropic_messages": {
        "model": "m",
        "max_tokens": 2000,
        "system": [
            {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}
        ],
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "Hi"},
                    {
                        "type": "image",
                        "source": {
                            "type": "base64",
                            "media_type": "image/png",
                            "data": "aW1n",
                        },
                    },
                    {
                        "type": "document",
                        "title": "t",
                        "source": {"type": "url", "url": "https://a.example"},
                    },
                ],
            },
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "a", "signature": "b"},
                    {"type": "redacted_thinking", "data": "c"},
                    {"type": "tool_use", "id": "1", "name": "look", "input": {}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {
                        "type": "tool_result",
                        "tool_use_id": "1",
                        "is_error": True,
                        "content": [{"type": "text", "text": "x"}],
                    }
                ],
            },
        ],
        "tools": [{"name": "look", "description": "a", "input_schema": SCHEMA}],
        "tool_choice": {"type": "tool", "name": "look"},
        "thinking": {"type": "enabled", "budget_tokens": 1024},
        "output_config": {"format": {"type": "json_schema", "schema": SCHEMA}},
        "stop_sequences": ["a"],
        "temperature": 1,
        "top_k": 3,
        "metadata": {"user_id": "u"},
        "stream": True,
    },
    "gemini_generate": {
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "contents": [
            {
                "role": "user",
                "parts": [
                    {"text": "Hi"},
                    {"inlineData": {"mimeType": "image/png", "data": "aW1n"}},
                    {"fileData": {"mimeType": "a/b", "fileUri": "https://a.example"}},
                ],
            },
            {
                "role": "model",
                "parts": [
                    {"text": "a", "thought": True},
                    {
                        "functionCall": {"id": "1", "name": "look", "args": {}},
                        "thoughtSignature": "s",
                    },
                ],
            },
            {
                "role": "user",
                "parts": [
                    {
                        "functionResponse": {
                            "id": "1",
                            "name": "look",
                            "response": {"output": "x"},
                        }
                    }
                ],
            },
        ],
        "tools": [{"functionDeclarations": [{"name": "look", "parameters": SCHEMA}]}],
        "toolConfig": {
            "functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["look"]}
        },
        "generationConfig": {
            "temperature": 1,
            "topK": 3.0,
            "maxOutputTokens": 9,
            "stopSequences": ["a"],
            "candidateCount": 2,
            "responseLogprobs": True,
            "logprobs": 2,
            "responseMimeType": "application/json",
            "responseSchema": {"type": "OBJECT", "nullable": True},
            "thinkingConfig": {"includeThoughts": True, "thinkingBudget": 1024},
        },
        "safetySettings": [{"category": "a", "threshold": "b"}],
    },
    "signalbox": {
        "model": "m",
        "messages": CHAT,
        "systemPrompt": "Be brief.",
        "tools": [FUNCTION],
        "toolChoice": "required",
        "responseFormat": FORMAT,
        "temperature": 1,
        "maxTokens": 9,
        "taskType": "code",
        "userId": "u",
        "feature": "f",
        "priority": "high",
        "routing": {
            "strategy": "cheapest",
            "requiredCapabilities": ["text"],
            "region": "eu",
        },
        "cache": {"enabled": True, "ttl": 9},
    },
    "openai_embeddings": {
        "model": "m",
        "input": ["a", "b"],
        "dimensions": 9,
        "encoding_format": "base64",
        "user": "u",
    },
    "gemini_embeddings": {
        "requests": [
            {
                "model": "models/m",
                "content": {"parts": [{"text": "a"}]},
                "taskType": "RETRIEVAL_QUERY",
                "outputDimensionality": 9,
            }
        ]
    },
    "cohere_rerank": {
        "model": "m",
        "query": "q",
        "documents": ["a", {"text": "b"}],
        "top_n": 1,
        "return_documents": True,
        "max_tokens_per_doc": 9,
    },
    "openai_moderation": {"model": "m", "input": [{"type": "text", "text": "b"}]},
    "openai_images": {"model": "m", "prompt": "a", "n": 1, "stream": True},
    "openai_speech": {
        "model": "m",
        "input": "a",
        "voice": {"id": "v"},
        "speed": 1,
        "response_format": "mp3",
        "stream_format": "sse",
        "instructions": "b",
    },
    "openai_transcription": {
        "model": "m",
        "file": Part("file", b"RIFF", "a.wav", "audio/wav"),
        "response_format": "verbose_json",
        "timestamp_granularities": ["word"],
        "temperature": "0.5",
        "stream": "true",
        "language": "en",
        "prompt": "a",
    },
}
spoils = st.lists(
    st.tuples(st.integers(0, 999), st.sampled_from(JUNK)), min_size=1, max_size=4
)
trees = st.recursive(
    st.sampled_from(JUNK),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner)
    ),
    max_leaves=8,
)


@pytest.fixture(scope="module", params=NAMES)
def dialect(request: pytest.FixtureRequest) -> ModuleType:
    return importlib.import_module(f"{dialects.__name__}.{request.param}")


def test_what_is_full_of_meaning_is_read(dialect: ModuleType) -> None:
    body = FULL[dialect.NAME]

    dialect.check_request(body)
    if hasattr(dialect, "parse_request"):
        dialect.parse_request(body)


@given(spoils=spoils)
def test_no_value_in_a_body_is_worse_than_malformed(
    dialect: ModuleType, spoils: Sequence[Any]
) -> None:
    body = copied(FULL[dialect.NAME])
    for at, junk in spoils:
        spoil(body, at, junk)

    read(dialect, body)


@given(data=st.data())
def test_no_member_is_worse_than_malformed(
    dialect: ModuleType, data: st.DataObject
) -> None:
    names = st.sampled_from(sorted(FULL[dialect.NAME]))
    body = data.draw(st.dictionaries(names, trees, max_size=5))

    read(dialect, body)
    read(dialect, {**FULL[dialect.NAME], **body})


@given(
    status=st.integers(400, 599),
    code=st.text(max_size=9),
    message=st.text(max_size=30),
    param=st.none() | st.text(max_size=9),
)
def test_every_error_is_one_json_object_and_one_event(
    dialect: ModuleType, status: int, code: str, message: str, param: str | None
) -> None:
    body = json.loads(dialect.build_error(status, code, message, param))

    assert message in list(texts_in(body))
    # Pictures are streamed, and never translated.
    if hasattr(dialect, "StreamBuilder") or dialect.NAME == "openai_images":
        event = dialect.build_error_event(status, code, message, param)
        assert event.endswith(b"\n\n")
        assert event.count(b"\n\n") == 1


def read(dialect: ModuleType, body: dict[str, Any]) -> None:
    """Read all that the gateway reads of a body; only `Malformed` may come of it."""
    with contextlib.suppress(dialect.Malformed):
        dialect.check_request(body)
        dialect.max_output_tokens(body)
        dialect.wants_stream(body)
        dialect.wants_usage(body)
        if hasattr(dialect, "wants_json"):
            dialect.wants_json(body)
        if hasattr(dialect, "parse_request"):
            dialect.parse_request(body)


def texts_in(tree: Any) -> Iterator[str]:
    if isinstance(tree, str):
        yield tree
    for inner in tree.values() if isinstance(tree, dict) else ():
        yield from texts_in(inner)


def copied(tree: Any) -> Any:
    """Return a copy that may be spoiled."""
    if isinstance(tree, dict):
        return {name: copied(value) for name, value in tree.items()}
    return [copied(value) for value in tree] if isinstance(tree, list) else tree


def spoil(tree: Any, at: int, junk: Any) -> None:
    """Replace one of the values in a tree."""
    holders, slots = [tree], []
    while holders:
        holder = holders.pop()
        for name in list(holder) if isinstance(holder, dict) else range(len(holder)):
            slots.append((holder, name))
            if isinstance(holder[name], dict | list):
                holders.append(holder[name])
    if slots:
        holder, name = slots[at % len(slots)]
        holder[name] = copied(junk)
