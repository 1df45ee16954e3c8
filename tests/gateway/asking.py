"""Asking a live gateway, plain and streamed."""

from typing import Any

import httpx
import pytest

PATH = "/v1/chat/completions"
HELLO: Any = [{"role": "user", "content": "Hello there"}]

plain_and_streamed = pytest.mark.parametrize(
    "stream", [False, True], ids=["plain", "streamed"]
)


def ask(http: httpx.Client, model: str = "fast", *, stream: bool) -> httpx.Response:
    body = {"model": model, "messages": HELLO, "stream": stream}
    return http.post(PATH, json=body)
