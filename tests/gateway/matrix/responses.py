"""Responses through the `openai` package."""

import json
from typing import Any

import openai

from tests.gateway.matrix.asking import MAX_TOKENS, SCHEMA, TOOLS, Asked, Call, Said

_FUNCTIONS: Any = [
    {"type": "function", "name": name, "parameters": SCHEMA, "strict": True}
    for name in TOOLS
]
_FORMAT = {"type": "json_schema", "name": "place", "schema": SCHEMA, "strict": True}


class ResponsesClient:
    """Keeps the conversation itself: no answer is stored."""

    failure: tuple[type[Exception], ...] = (openai.APIError,)

    def __init__(self, url: str, key: str) -> None:
        self.heard: list[str] = []
        self._client = openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0)

    def close(self) -> None:
        self._client.close()

    def status_of(self, failure: Any) -> int:
        return int(failure.status_code)

    def ask(self, asked: Asked) -> Said:
        wanted: dict[str, Any] = {
            "model": asked.model,
            "input": _items_of(asked),
            "max_output_tokens": MAX_TOKENS,
            "store": False,
        }
        if asked.system:
            wanted["instructions"] = asked.system
        if asked.tools:
            wanted["tools"] = _FUNCTIONS
        if asked.schema:
            wanted["text"] = {"format": _FORMAT}
        if asked.thinks:
            wanted["reasoning"] = {"effort": "low", "summary": "auto"}
            wanted["include"] = ["reasoning.encrypted_content"]
        self.heard = []
        if not asked.stream:
            return self._said(self._client.responses.create(**wanted))
        # The helper puts the events together, and notices when one is missing.
        with self._client.responses.stream(**wanted) as events:
            for event in events:
                if event.type == "response.output_text.delta":
                    self.heard.append(event.delta)
            return self._said(events.get_final_response())

    def _said(self, answer: Any) -> Said:
        assert answer.status == "completed"
        assert answer.usage is not None
        return Said(
            text=answer.output_text,
            input_tokens=answer.usage.input_tokens,
            output_tokens=answer.usage.output_tokens,
            calls=[
                Call(item.call_id, item.name, json.loads(item.arguments))
                for item in answer.output
                if item.type == "function_call"
            ],
            thoughts="".join(
                part.text
                for item in answer.output
                if item.type == "reasoning"
                for part in [*item.summary, *(item.content or [])]
            ),
            reasoning_tokens=answer.usage.output_tokens_details.reasoning_tokens,
            pieces=len(self.heard),
            own=[
                item.model_dump(
                    exclude_none=True, exclude={"parsed_arguments", "parsed"}
                )
                for item in answer.output
            ],
        )


def _items_of(asked: Asked) -> list[Any]:
    roles = ["user", "assistant"] * len(asked.turns)
    items: list[Any] = [
        {"role": role, "content": text}
        for role, text in zip(roles, asked.turns, strict=False)
    ]
    if asked.image:
        items[-1]["content"] = [
            {"type": "input_text", "text": items[-1]["content"]},
            {"type": "input_image", "image_url": asked.data_url, "detail": "auto"},
        ]
    if asked.earlier is not None:
        items += asked.earlier.own
        items += [
            {"type": "function_call_output", "call_id": call.id, "output": result}
            for call, result in asked.answered
        ]
    return items
