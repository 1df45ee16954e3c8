"""The curl command that sends the same request, with a placeholder for the key."""

import json
from collections.abc import Mapping
from shlex import quote

import orjson

from gateway.admin.playground.places import Composed

# The shell fills it in, so that no key stands in a page or in a history of commands.
KEY = "$SIGNALBOX_KEY"


def curl(composed: Composed, base_url: str, headers: Mapping[str, str]) -> str:
    place = composed.place
    sent = [
        # In double quotes, where the shell puts the variable's value.
        f'"{place.key_header.format(key=KEY)}"',
        quote("content-type: application/json"),
        *(quote(f"{name}: {value}") for name, value in place.headers.items()),
        *(quote(f"{name}: {value}") for name, value in headers.items()),
    ]
    body = json.dumps(orjson.loads(composed.content), indent=2, ensure_ascii=False)
    address = quote(f"{base_url.rstrip('/')}{composed.address}")
    lines = [f"curl -N {address}", *(f"-H {each}" for each in sent)]
    if place.operation == "speech":
        lines.append("--output speech.mp3")
    lines.append(f"-d {quote(body)}")
    return " \\\n  ".join(lines)
