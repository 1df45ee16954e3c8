"""Anthropic's Messages through the `anthropic` package."""

from typing import Any

import anthropic

from tests.gateway.matrix.asking import (
    MAX_TOKENS,
    SCHEMA,
    THINKING_TOKENS,
    TOOLS,
    Asked,
    Call,
    Said,
)

_TOOLS: Any = [{"name": name, "input_schema": SCHEMA} for name in TOOLS]


class AnthropicClient:
    """The package, with the helper that puts its streams together."""

    failure: tuple[type[Exception], ...] = (anthropic.APIError,)

    def __init__(self, url: str, key: str) -> None:
        self.heard: list[str] = []
        self._client = anthropic.Anthropic(base_url=url, api_key=key, max_retries=0)

    def close(self) -> None:
        self._client.close()

    def status_of(self, failure: Any) -> int:
        return int(failure.status_code)

    def ask(self, asked: Asked) -> Said:
        wanted: dict[str, Any] = {
            "model": asked.model,
            "max_tokens": MAX_TOKENS,
            "messages": _messages_of(asked),
        }
        if asked.system:
            wanted["system"] = asked.system
        if asked.tools:
            wanted["tools"] = _TOOLS
        if asked.schema:
            wanted["output_config"] = {
                "format": {"type": "json_schema", "schema": SCHEMA}
            }
        if asked.thinks:
            wanted["thinking"] = {
                "type": "enabled",
                "budget_tokens": THINKING_TOKENS,
            }
        self.heard = []
        if not asked.stream:
            return self._said(self._client.messages.create(**wanted))
        with self._client.messages.stream(**wanted) as stream:
            self.heard.extend(stream.text_stream)
            return self._said(stream.get_final_message())

    def _said(self, message: Any) -> Said:
        blocks = message.content
        calls = [b for b in blocks if b.type == "tool_use"]
        assert message.stop_reason == ("tool_use" if calls else "end_turn")
        details = getattr(message.usage, "output_tokens_details", None)
        return Said(
            text="".join(block.text for block in blocks if block.type == "text"),
            input_tokens=message.usage.input_tokens,
            output_tokens=message.usage.output_tokens,
            calls=[Call(b.id, b.name, b.input) for b in calls],
            thoughts="".join(b.thinking for b in blocks if b.type == "thinking"),
            reasoning_tokens=getattr(details, "thinking_tokens", 0) or 0,
            pieces=len(self.heard),
            own=[
                block.model_dump(exclude_none=True, exclude={"parsed_output"})
                for block in blocks
            ],
        )


def _messages_of(asked: Asked) -> list[Any]:
    roles = ["user", "assistant"] * len(asked.turns)
    messages: list[Any] = [
        {"role": role, "content": text}
        for role, text in zip(roles, asked.turns, strict=False)
    ]
    if asked.image:
        inline = {"type": "base64", "media_type": "image/png", "data": asked.image}
        linked = {"type": "url", "url": asked.image}
        messages[-1]["content"] = [
            {"type": "image", "source": linked if asked.has_address else inline},
            {"type": "text", "text": messages[-1]["content"]},
        ]
    if asked.earlier is not None:
        results = [
            {"type": "tool_result", "tool_use_id": call.id, "content": result}
            for call, result in asked.answered
        ]
        messages += [
            {"role": "assistant", "content": asked.earlier.own},
            {"role": "user", "content": results},
        ]
    return messages
