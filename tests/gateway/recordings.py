"""What a provider says in each protocol, as the simulator says it over real HTTP."""

from collections.abc import Mapping
from typing import Any

import httpx

from catalog.protocols import WireProtocol
from gateway.simulator import Simulator

SCHEMA = {
    "type": "object",
    "properties": {"place": {"type": "string"}},
    "required": ["place"],
}
_HEADERS = {
    "anthropic-version": "2023-06-01",
    "authorization": "Bearer key",
    "xi-api-key": "key",
}
_CALL_TOOLS = "call two tools"
_TOOL = {"name": "look", "description": "Looks.", "parameters": SCHEMA}
_FUNCTION = {"type": "function", "function": _TOOL}
_SPOKEN = {"text": "Good evening", "model_id": "eleven_v3"}


def chat(model: str, text: str, **fields: Any) -> dict[str, Any]:
    return {
        "model": model,
        "messages": [{"role": "user", "content": text}],
        **fields,
    }


def _contents(text: str, **fields: Any) -> dict[str, Any]:
    return {"contents": [{"role": "user", "parts": [{"text": text}]}], **fields}


def _converse(text: str, **fields: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": [{"text": text}]}], **fields}


_THINKING = {"type": "enabled", "budget_tokens": 1024}
_CONVERSE_TOOLS = {
    "tools": [{"toolSpec": {"name": "look", "inputSchema": {"json": SCHEMA}}}]
}
_GEMINI_TOOLS = [{"functionDeclarations": [{"name": "look"}]}]
_RESPONSES: dict[str, Any] = {
    "model": "sim-reasoning",
    "reasoning": {"effort": "low", "summary": "auto"},
    "include": ["reasoning.encrypted_content"],
    "store": False,
}

# Protocol: where, what, and what makes a stream of it: other fields, or another path.
_Ask = tuple[str, dict[str, Any], dict[str, Any] | str | None]
ASKED: dict[str, list[_Ask]] = {
    "openai_chat": [
        (
            "/v1/chat/completions",
            chat("sim-chat", text, tools=[_FUNCTION], n=2),
            {"stream": True, "stream_options": {"include_usage": True}},
        )
        for text in ("Hi", _CALL_TOOLS, "refuse to answer")
    ],
    "openai_responses": [
        (
            "/v1/responses",
            {**_RESPONSES, "input": text, "tools": [{"type": "function", **_TOOL}]},
            {"stream": True},
        )
        for text in ("Hi", _CALL_TOOLS, "refuse to answer")
    ],
    "anthropic_messages": [
        (
            "/v1/messages",
            chat(
                "sim-reasoning",
                text,
                max_tokens=2000,
                thinking=_THINKING,
                tools=[{"name": "look", "input_schema": SCHEMA}],
            ),
            {"stream": True},
        )
        for text in ("Hi", _CALL_TOOLS, "refuse to answer")
    ],
    "gemini_generate": [
        (
            "/v1beta/models/sim-reasoning:generateContent",
            _contents(
                text,
                tools=_GEMINI_TOOLS,
                generationConfig={"thinkingConfig": {"includeThoughts": True}},
            ),
            "/v1beta/models/sim-reasoning:streamGenerateContent?alt=sse",
        )
        for text in ("Hi", _CALL_TOOLS, "blocked content")
    ],
    "cohere_chat": [
        ("/v2/chat", chat("sim-reasoning", text, tools=[_FUNCTION]), {"stream": True})
        for text in ("Hi", _CALL_TOOLS, "refuse to answer")
    ],
    "bedrock_converse": [
        (
            "/model/sim-chat/converse",
            _converse(text, toolConfig=_CONVERSE_TOOLS),
            "/model/sim-chat/converse-stream",
        )
        for text in ("Hi", _CALL_TOOLS)
    ],
    "openai_embeddings": [
        ("/v1/embeddings", {"model": "sim-embed", "input": ["a"]}, None)
    ],
    "gemini_embeddings": [
        (
            "/v1beta/models/sim-embed:batchEmbedContents",
            {
                "requests": [
                    {
                        "model": "models/sim-embed",
                        "content": {"parts": [{"text": "a"}]},
                    }
                ]
            },
            None,
        )
    ],
    "cohere_embeddings": [
        (
            "/v2/embed",
            {
                "model": "sim-embed",
                "texts": ["a"],
                "input_type": "search_query",
                "embedding_types": ["float"],
            },
            None,
        )
    ],
    "bedrock_embeddings": [
        (
            "/model/amazon.titan-embed-text-v2:0/invoke",
            {"inputText": "a"},
            None,
        )
    ],
    "cohere_rerank": [
        ("/v2/rerank", {"model": "sim", "query": "a", "documents": ["a", "b"]}, None)
    ],
    "openai_moderation": [
        ("/v1/moderations", {"model": "sim", "input": "violence"}, None)
    ],
    "openai_images": [
        (
            "/v1/images/generations",
            {"model": "gpt-image-1", "prompt": "A dot"},
            {"stream": True, "partial_images": 1},
        )
    ],
    "openai_speech": [
        (
            "/v1/audio/speech",
            {"model": "gpt-4o-mini-tts", "input": "Good evening", "voice": "alloy"},
            {"stream_format": "sse"},
        )
    ],
    "openai_transcription": [
        (
            "/v1/audio/transcriptions",
            {"model": "gpt-4o-transcribe", "response_format": "json"},
            {"stream": "true"},
        )
    ],
    "elevenlabs_speech": [
        (
            "/v1/text-to-speech/21m00Tcm4TlvDq8ikWAM",
            _SPOKEN,
            "/v1/text-to-speech/21m00Tcm4TlvDq8ikWAM/stream",
        )
    ],
    "elevenlabs_transcription": [
        ("/v1/speech-to-text", {"model_id": "scribe_v2"}, None)
    ],
}
STREAMED = [
    name for name, asked in ASKED.items() if any(how is not None for _, _, how in asked)
]
assert ASKED.keys() == {str(name) for name in WireProtocol.values}


def whole_answers(upstream: Simulator, protocol: str) -> list[bytes]:
    return [_answer(upstream, path, body) for path, body, _ in ASKED[protocol]]


def streams(upstream: Simulator, protocol: str) -> list[bytes]:
    found = []
    for path, body, how in ASKED[protocol]:
        if isinstance(how, str):
            found.append(_answer(upstream, how, body))
        elif how is not None:
            found.append(_answer(upstream, path, {**body, **how}))
    return found


def _answer(upstream: Simulator, path: str, body: Mapping[str, Any]) -> bytes:
    # Transcriptions are asked for in forms.
    is_form = path.endswith(("/transcriptions", "/speech-to-text"))
    files = {"file": ("hello.wav", b"RIFF", "audio/wav")}
    sent: dict[str, Any] = {"data": body, "files": files} if is_form else {"json": body}
    reply = httpx.post(upstream.url + path, headers=_HEADERS, timeout=10, **sent)
    assert reply.status_code == 200, reply.text
    return reply.content
