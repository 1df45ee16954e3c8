"""Reading the refusals that a client gets."""

from typing import Any

import httpx

PATH = "/v1/chat/completions"
HELLO: Any = [{"role": "user", "content": "Hello there"}]
ASK = {"model": "fast", "messages": HELLO}


def error_of(response: httpx.Response) -> dict[str, Any]:
    """Return the error of a reply, which has all four members and no other."""
    error: dict[str, Any] = response.json()["error"]
    assert {*error} == {"message", "type", "param", "code"}
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-request-id"]
    return error
