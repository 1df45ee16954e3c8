"""Chat completions through the `mistralai` package, whose types are its own."""

import json
from collections.abc import Iterable
from typing import Any

from mistralai.client import Mistral
from mistralai.client.errors import MistralError, SDKError
from pydantic import ValidationError

from tests.gateway.matrix.asking import Asked, Call, Said
from tests.gateway.matrix.chat_completions import FUNCTIONS, JSON_SCHEMA, messages_of


class MistralClient:
    """The package as it is; it counts no reasoning and shows none of others' words."""

    # What is no chunk of an answer, an error is not one either, does not fit its types.
    failure: tuple[type[Exception], ...] = (MistralError, ValidationError)

    def __init__(self, url: str, key: str) -> None:
        self.heard: list[str] = []
        self._client = Mistral(api_key=key, server_url=url)
        self._client.__enter__()

    def close(self) -> None:
        self._client.__exit__(None, None, None)

    def status_of(self, failure: Any) -> int:
        assert isinstance(failure, SDKError)
        return failure.status_code

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
            wanted["reasoning_effort"] = "high"
        self.heard = []
        if asked.stream:
            with self._client.chat.stream(**wanted) as events:
                return self._put_together(events)
        reply = self._client.chat.complete(**wanted)
        message = reply.choices[0].message
        assert message is not None
        return _said(message.model_dump(exclude_none=True), reply.usage)

    def _put_together(self, events: Iterable[Any]) -> Said:
        message: dict[str, Any] = {"role": "assistant", "content": ""}
        usage: Any = None
        for event in events:
            usage = event.data.usage or usage
            for choice in event.data.choices:
                delta = choice.delta.model_dump(exclude_none=True)
                if text := delta.get("content"):
                    self.heard.append(text)
                    message["content"] += text
                # Mistral sends a call in one piece.
                for call in delta.get("tool_calls") or []:
                    message.setdefault("tool_calls", []).append(call)
        return _said(message, usage, len(self.heard))


def _said(message: dict[str, Any], usage: Any, pieces: int = 0) -> Said:
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
        pieces=pieces,
        own=message,
    )
