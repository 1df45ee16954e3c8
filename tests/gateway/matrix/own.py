"""Signalbox's own dialect, which has no package: plain HTTP."""

import json
from collections.abc import Iterator
from typing import Any

import httpx

from tests.gateway.matrix.asking import SCHEMA, Asked, Call, Said
from tests.gateway.matrix.chat_completions import FUNCTIONS, messages_of


class Failed(Exception):
    """An answer, or the end of a stream, that is an error."""

    def __init__(self, status: int, told: dict[str, Any]) -> None:
        super().__init__(told["error"]["message"])
        self.status = status


class OwnClient:
    """`/api/ai/generate` and `/api/ai/stream`."""

    failure: tuple[type[Exception], ...] = (Failed,)

    def __init__(self, url: str, key: str) -> None:
        self.heard: list[str] = []
        self._http = httpx.Client(
            base_url=url, headers={"authorization": f"Bearer {key}"}, timeout=10
        )

    def close(self) -> None:
        self._http.close()

    def status_of(self, failure: Any) -> int:
        return int(failure.status)

    def ask(self, asked: Asked) -> Said:
        wanted: dict[str, Any] = {
            "model": asked.model,
            "messages": messages_of(asked),
        }
        if asked.system:
            del wanted["messages"][0]
            wanted["systemPrompt"] = asked.system
        if asked.tools:
            wanted["tools"] = FUNCTIONS
        if asked.schema:
            wanted["responseFormat"] = {"type": "json_schema", "schema": SCHEMA}
        assert not asked.thinks, "nothing of it can be said"
        self.heard = []
        if asked.stream:
            return self._streamed(wanted)
        reply = self._http.post("/api/ai/generate", json=wanted)
        answer = reply.json()
        if reply.status_code != 200:
            raise Failed(reply.status_code, answer)
        if asked.schema:
            assert answer["parsed"] == json.loads(answer["content"])
        return self._said(answer["content"], answer)

    def _streamed(self, wanted: dict[str, Any]) -> Said:
        with self._http.stream("POST", "/api/ai/stream", json=wanted) as reply:
            if reply.status_code != 200:
                reply.read()
                raise Failed(reply.status_code, reply.json())
            for name, data in _events(reply.iter_lines()):
                if name == "error":
                    raise Failed(200, data)
                if name == "done":
                    return self._said("".join(self.heard), data)
                self.heard.append(data["content"])
        raise AssertionError("the stream ends without an end")

    def _said(self, text: str, answer: dict[str, Any]) -> Said:
        calls = answer.get("toolCalls", [])
        assert answer["finishReason"] == ("tool_calls" if calls else "stop")
        return Said(
            text=text,
            input_tokens=answer["usage"]["promptTokens"],
            output_tokens=answer["usage"]["completionTokens"],
            calls=[
                Call(
                    call["id"],
                    call["function"]["name"],
                    json.loads(call["function"]["arguments"]),
                )
                for call in calls
            ],
            pieces=len(self.heard),
            own={"role": "assistant", "content": text, "tool_calls": calls},
        )


def _events(lines: Iterator[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    name = ""
    for line in lines:
        field, _, value = line.partition(": ")
        if field == "event":
            name = value
        elif field == "data":
            yield name, json.loads(value)
