"""Requests whose words must be found nowhere afterwards."""

from typing import Any

import httpx

CANARY = "canary-9d41e7-never-write-this-down"
PATH = "/v1/chat/completions"


def body(model: str = "fast", **fields: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": f"Hello {CANARY}"}]
    return {"model": model, "messages": messages, **fields}


def ask(
    http: httpx.Client,
    model: str = "fast",
    *,
    stream: bool = False,
    headers: dict[str, str] | None = None,
    **fields: Any,
) -> httpx.Response:
    return http.post(PATH, json=body(model, stream=stream, **fields), headers=headers)


def code_of(response: httpx.Response) -> str:
    return str(response.json()["error"]["code"])
