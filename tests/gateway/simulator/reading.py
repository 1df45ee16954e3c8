"""Takes streams of the simulator apart."""

import json
from typing import Any

import httpx

JSON = dict[str, Any]


def named_events(response: httpx.Response) -> list[tuple[str, JSON]]:
    """Return the names and the data of a stream whose events have names."""
    *events, rest = response.text.split("\n\n")
    assert rest == ""
    found = []
    for event in events:
        name, data = event.split("\n")
        found.append((name.removeprefix("event: "), json.loads(data[len("data: ") :])))
    return found


def chunks(response: httpx.Response) -> list[JSON]:
    """Return the data of a stream whose events have none."""
    *events, rest = response.text.split("\r\n\r\n")
    assert rest == ""
    return [json.loads(event.removeprefix("data: ")) for event in events]
