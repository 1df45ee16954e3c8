"""Gemini's generateContent through the `google-genai` package, in both its versions."""

import base64
from collections.abc import Iterable
from functools import partial
from typing import Any

from google import genai
from google.genai import types

from tests.gateway.matrix.asking import (
    SCHEMA,
    THINKING_TOKENS,
    TOOLS,
    Asked,
    Call,
    Said,
)

_TOOLS: Any = [
    types.Tool(
        function_declarations=[
            types.FunctionDeclaration(name=name, parameters_json_schema=SCHEMA)
            for name in TOOLS
        ]
    )
]


class GeminiClient:
    """The package, with the version of the API as part of its address."""

    failure: tuple[type[Exception], ...] = (genai.errors.APIError,)

    def __init__(self, url: str, key: str, *, version: str) -> None:
        self.heard: list[str] = []
        options = types.HttpOptions(base_url=url, api_version=version)
        self._client = genai.Client(api_key=key, http_options=options)

    def close(self) -> None:
        self._client.close()

    def status_of(self, failure: Any) -> int:
        return int(failure.code)

    def ask(self, asked: Asked) -> Said:
        wanted: dict[str, Any] = {
            "model": asked.model,
            "contents": _contents_of(asked),
            "config": _config_of(asked),
        }
        self.heard = []
        if not asked.stream:
            return self._said([self._client.models.generate_content(**wanted)])
        return self._said(self._client.models.generate_content_stream(**wanted))

    def _said(self, answers: Iterable[Any]) -> Said:
        parts: list[Any] = []
        usage: Any = None
        reason: Any = None
        for answer in answers:
            usage = answer.usage_metadata or usage
            for candidate in answer.candidates or []:
                reason = candidate.finish_reason or reason
                found = (candidate.content and candidate.content.parts) or []
                parts += found
                self.heard += [p.text for p in found if p.text and not p.thought]
        assert reason == types.FinishReason.STOP
        assert usage is not None
        return Said(
            text="".join(p.text for p in parts if p.text and not p.thought),
            input_tokens=usage.prompt_token_count or 0,
            output_tokens=(usage.candidates_token_count or 0)
            + (usage.thoughts_token_count or 0),
            calls=[
                Call(p.function_call.id, p.function_call.name, p.function_call.args)
                for p in parts
                if p.function_call
            ],
            thoughts="".join(p.text for p in parts if p.text and p.thought),
            reasoning_tokens=usage.thoughts_token_count or 0,
            pieces=len(self.heard),
            own=types.Content(role="model", parts=parts),
        )


GeminiV1Client = partial(GeminiClient, version="v1")
GeminiV1BetaClient = partial(GeminiClient, version="v1beta")


def _config_of(asked: Asked) -> types.GenerateContentConfig:
    wanted: dict[str, Any] = {
        "automatic_function_calling": types.AutomaticFunctionCallingConfig(disable=True)
    }
    if asked.system:
        wanted["system_instruction"] = asked.system
    if asked.tools:
        wanted["tools"] = _TOOLS
    if asked.schema:
        wanted["response_mime_type"] = "application/json"
        wanted["response_json_schema"] = SCHEMA
    if asked.thinks:
        wanted["thinking_config"] = types.ThinkingConfig(
            include_thoughts=True, thinking_budget=THINKING_TOKENS
        )
    return types.GenerateContentConfig(**wanted)


def _contents_of(asked: Asked) -> list[Any]:
    roles = ["user", "model"] * len(asked.turns)
    contents = [
        types.Content(role=role, parts=[types.Part(text=text)])
        for role, text in zip(roles, asked.turns, strict=False)
    ]
    if asked.image:
        assert contents[-1].parts is not None
        contents[-1].parts.append(_picture(asked))
    if asked.earlier is not None:
        results = [
            types.FunctionResponse(
                id=call.id, name=call.name, response={"output": result}
            )
            for call, result in asked.answered
        ]
        parts = [types.Part(function_response=result) for result in results]
        contents += [asked.earlier.own, types.Content(role="user", parts=parts)]
    return contents


def _picture(asked: Asked) -> types.Part:
    if asked.has_address:
        return types.Part.from_uri(file_uri=asked.image, mime_type="image/png")
    data = base64.b64decode(asked.image)
    return types.Part.from_bytes(data=data, mime_type="image/png")
