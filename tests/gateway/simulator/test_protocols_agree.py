"""The same question, asked in each protocol, has the same answer at the same price."""

import json
from typing import Any

import httpx
import pytest

from gateway.simulator import Simulator
from tests.gateway.simulator.reading import JSON

Told = tuple[str, list[tuple[str, JSON]]]
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
QUESTIONS = ["Hello there", "Please call a tool", "refuse to answer"]
THINKING = {"type": "enabled", "budget_tokens": 1024, "display": "summarized"}


def openai_says(http: httpx.Client, model: str, text: str, **fields: Any) -> Told:
    system = {"role": "system", "content": "Be brief."}
    body = {
        "model": model,
        "messages": [system, {"role": "user", "content": text}],
        "tools": [
            {"type": "function", "function": {"name": "look", "parameters": SCHEMA}}
        ],
    }
    answer = http.post("/v1/chat/completions", json=body | fields).json()
    message = answer["choices"][0]["message"]
    calls = [call["function"] for call in message.get("tool_calls", [])]
    said = message["content"] or message["refusal"] or ""
    return said, [(call["name"], json.loads(call["arguments"])) for call in calls]


def anthropic_says(http: httpx.Client, model: str, text: str, **fields: Any) -> Told:
    body: JSON = {
        "model": model,
        "max_tokens": 2048,
        "system": "Be brief.",
        "messages": [{"role": "user", "content": text}],
        "tools": [{"name": "look", "input_schema": SCHEMA}],
    }
    if "reasoning" in model:
        body["thinking"] = THINKING
    headers = {"anthropic-version": "2023-06-01"}
    answer = http.post("/v1/messages", json=body | fields, headers=headers).json()
    blocks = answer["content"]
    return (
        "".join(block["text"] for block in blocks if block["type"] == "text"),
        [(b["name"], b["input"]) for b in blocks if b["type"] == "tool_use"],
    )


def gemini_says(http: httpx.Client, model: str, text: str, **fields: Any) -> Told:
    body = {
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "contents": [{"role": "user", "parts": [{"text": text}]}],
        "tools": [
            {"functionDeclarations": [{"name": "look", "parametersJsonSchema": SCHEMA}]}
        ],
    }
    path = f"/v1beta/models/{model}:generateContent"
    answer = http.post(path, json=body | fields).json()
    parts = answer["candidates"][0]["content"]["parts"]
    calls = [part["functionCall"] for part in parts if "functionCall" in part]
    return (
        "".join(part.get("text", "") for part in parts),
        [(call["name"], call["args"]) for call in calls],
    )


def cohere_says(http: httpx.Client, model: str, text: str, **fields: Any) -> Told:
    system = {"role": "system", "content": "Be brief."}
    body = {
        "model": model,
        "messages": [system, {"role": "user", "content": text}],
        "tools": [
            {"type": "function", "function": {"name": "look", "parameters": SCHEMA}}
        ],
    }
    message = http.post("/v2/chat", json=body | fields).json()["message"]
    calls = [call["function"] for call in message.get("tool_calls", [])]
    return (
        "".join(item.get("text", "") for item in message.get("content", [])),
        [(call["name"], json.loads(call["arguments"])) for call in calls],
    )


@pytest.mark.parametrize("model", ["sim-chat", "sim-reasoning"])
@pytest.mark.parametrize("text", QUESTIONS)
def test_answers_and_token_counts_are_the_same_in_every_protocol(
    simulator: Simulator, http: httpx.Client, model: str, text: str
) -> None:
    first, second, third, fourth = (
        says(http, model, text)
        for says in (openai_says, anthropic_says, gemini_says, cohere_says)
    )

    assert first == second == third == fourth
    counts = {(c.prompt_tokens, c.completion_tokens) for c in simulator.calls}
    assert len(counts) == 1
    assert [call.protocol for call in simulator.calls] == [
        "openai_chat",
        "anthropic_messages",
        "gemini_generate",
        "cohere_chat",
    ]


def test_a_conversation_with_tools_counts_the_same_in_every_protocol(
    simulator: Simulator, http: httpx.Client
) -> None:
    arguments, said = {"city": "Oslo"}, {"role": "user", "content": "Look it up"}
    called = {"name": "look", "arguments": '{"city":"Oslo"}'}
    calls = [{"id": "call_1", "type": "function", "function": called}]
    use = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": arguments}
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "4 C"}
    answered = {"functionResponse": {"name": "look", "response": {"output": "4 C"}}}
    function_call = {"functionCall": {"name": "look", "args": arguments}}

    first = openai_says(
        http,
        "sim-chat",
        "",
        messages=[
            said,
            {"role": "assistant", "content": None, "tool_calls": calls},
            {"role": "tool", "tool_call_id": "call_1", "content": "4 C"},
        ],
    )
    second = anthropic_says(
        http,
        "sim-chat",
        "",
        system=[],
        messages=[
            said,
            {"role": "assistant", "content": [use]},
            {"role": "user", "content": [result]},
        ],
    )
    third = gemini_says(
        http,
        "sim-chat",
        "",
        systemInstruction=None,
        contents=[
            {"role": "user", "parts": [{"text": "Look it up"}]},
            {"role": "model", "parts": [function_call]},
            {"role": "user", "parts": [answered]},
        ],
    )
    fourth = cohere_says(
        http,
        "sim-chat",
        "",
        messages=[
            said,
            {"role": "assistant", "tool_calls": calls},
            {"role": "tool", "tool_call_id": "call_1", "content": "4 C"},
        ],
    )

    assert first == second == third == fourth
    assert "The tool said: 4 C." in first[0]
    counts = {(c.prompt_tokens, c.completion_tokens) for c in simulator.calls}
    assert len(counts) == 1


HEADERS = {"anthropic-version": "2023-06-01", "content-type": "application/json"}
DEEP = b'{"a":' * 900 + b"1" + b"}" * 900


@pytest.mark.parametrize("path", ["/v1/messages", "/v1beta/models/sim-chat:{}"])
@pytest.mark.parametrize(
    "content",
    [
        b"[]",
        b'{"model":"sim-chat","max_tokens":1e400,"messages":[{"role":"user"}]}',
        b'{"model":"sim-chat","max_tokens":1,"messages":[%b]}' % DEEP,
        b'{"contents":[%b]}' % DEEP,
        b'{"contents":[{"parts":[{"text":1}]}],"generationConfig":{"seed":[]},"a":1}',
        b'{"contents":{"parts":{"text":"a"}},"generationConfig":{"seed":1e400,"n":1}}',
        b'{"contents":[{}],"generationConfig":{"maxOutputTokens":1e400}}',
    ],
)
def test_what_makes_no_sense_is_refused(
    http: httpx.Client, path: str, content: bytes
) -> None:
    path = path.format("generateContent")

    response = http.post(path, content=content, headers=HEADERS)

    assert response.status_code == 400, response.text
    assert response.json()["error"]["message"]
