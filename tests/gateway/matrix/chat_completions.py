"""Chat completions through `openai`, and through `groq`, which speaks them as well."""

import json
from collections.abc import Iterable
from typing import Any

import groq
import openai

from tests.gateway.matrix.asking import SCHEMA, TOOLS, Asked, Call, Said

FUNCTIONS: list[dict[str, Any]] = [
    {"type": "function", "function": {"name": name, "parameters": SCHEMA}}
    for name in TOOLS
]
JSON_SCHEMA = {
    "type": "json_schema",
    "json_schema": {"name": "place", "schema": SCHEMA, "strict": True},
}


def messages_of(asked: Asked) -> list[dict[str, Any]]:
    """Return the conversation in OpenAI's words."""
    roles = ["user", "assistant"] * len(asked.turns)
    messages: list[dict[str, Any]] = [
        {"role": role, "content": text}
        for role, text in zip(roles, asked.turns, strict=False)
    ]
    if asked.system:
        messages.insert(0, {"role": "system", "content": asked.system})
    if asked.image:
        messages[-1]["content"] = [
            {"type": "text", "text": messages[-1]["content"]},
            {"type": "image_url", "image_url": {"url": asked.data_url}},
        ]
    if asked.earlier is not None:
        messages.append(asked.earlier.own)
        messages += [
            {"role": "tool", "tool_call_id": call.id, "content": result}
            for call, result in asked.answered
        ]
    return messages


class OpenAIClient:
    """The `openai` package."""

    failure: tuple[type[Exception], ...] = (openai.APIError,)

    def __init__(self, url: str, key: str) -> None:
        self.heard: list[str] = []
        self.client: Any = openai.OpenAI(
            base_url=f"{url}/v1", api_key=key, max_retries=0
        )
        self.usage: dict[str, Any] = {"stream_options": {"include_usage": True}}

    def close(self) -> None:
        self.client.close()

    def status_of(self, failure: Any) -> int:
        return int(failure.status_code)

    def ask(self, asked: Asked) -> Said:
        wanted: dict[str, Any] = {
            "model": asked.model,
            "messages": messages_of(asked),
        }
        if asked.tools:
            wanted["tools"] = FUNCTIONS
        if asked.schema:
            wanted["response_format"] = JSON_SCHEMA
        if asked.thinks:
            wanted["reasoning_effort"] = "low"
        self.heard = []
        create = self.client.chat.completions.create
        if asked.stream:
            return self._put_together(create(**wanted, stream=True, **self.usage))
        reply = create(**wanted)
        return said(reply.choices[0].message.model_dump(exclude_none=True), reply.usage)

    def _put_together(self, chunks: Iterable[Any]) -> Said:
        """Return the answer that the deltas make, as the package's readers do it."""
        message: dict[str, Any] = {"role": "assistant", "content": ""}
        calls: dict[int, dict[str, Any]] = {}
        usage: Any = None
        for chunk in chunks:
            usage = usage_in(chunk) or usage
            for choice in chunk.choices:
                delta = choice.delta.model_dump(exclude_none=True)
                if text := delta.get("content"):
                    self.heard.append(text)
                    message["content"] += text
                if thought := delta.get("reasoning_content"):
                    earlier = message.get("reasoning_content", "")
                    message["reasoning_content"] = earlier + thought
                for detail in delta.get("reasoning_details", []):
                    message.setdefault("reasoning_details", []).append(detail)
                for piece in delta.get("tool_calls", []):
                    call = calls.setdefault(piece["index"], {"arguments": ""})
                    call["arguments"] += piece["function"].get("arguments") or ""
                    call |= {k: v for k, v in piece.items() if k != "function"}
                    call["name"] = piece["function"].get("name") or call["name"]
        for number, call in sorted(calls.items()):
            function = {"name": call.pop("name"), "arguments": call.pop("arguments")}
            call.pop("index", number)
            message.setdefault("tool_calls", []).append({**call, "function": function})
        return said(message, usage, len(self.heard))


class GroqClient(OpenAIClient):
    """The `groq` package, which puts `/openai` in front of its paths."""

    failure: tuple[type[Exception], ...] = (groq.APIError,)

    def __init__(self, url: str, key: str) -> None:
        super().__init__(url, key)
        self.client.close()
        self.client = groq.Groq(base_url=url, api_key=key, max_retries=0)
        # Groq tells it unasked, and its package has no word for it but this.
        self.usage = {"extra_body": self.usage}


def usage_in(chunk: Any) -> Any:
    return getattr(chunk, "usage", None)


def said(message: dict[str, Any], usage: Any, pieces: int = 0) -> Said:
    """Return what a message says; it is handed back as it is."""
    details = usage and usage.completion_tokens_details
    return Said(
        text=message.get("content") or "",
        input_tokens=usage.prompt_tokens if usage else 0,
        output_tokens=usage.completion_tokens if usage else 0,
        calls=[
            Call(
                call["id"],
                call["function"]["name"],
                json.loads(call["function"]["arguments"]),
            )
            for call in message.get("tool_calls") or []
        ],
        thoughts=message.get("reasoning_content") or "",
        reasoning_tokens=details.reasoning_tokens if details else 0,
        pieces=pieces,
        own=message,
    )
