"""Tells an address outside, signed as the Standard Webhooks specification says.

https://github.com/standard-webhooks/standard-webhooks
"""

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

import httpx
import orjson
from standardwebhooks.webhooks import EmptyWebhookSecretError, Webhook

from tenants.outgoing import public_client
from workflows.actions.outcomes import Done, Failed, Outcome
from workflows.actions.task import Task
from workflows.contents import signing_secret
from workflows.definitions.steps import JSON

CALLS_OUT = True
SUMMARY = "Posts signed JSON to an address and reads what it answers."
INPUT: JSON = {
    "type": "object",
    "properties": {
        "url": {"type": "string", "minLength": 1, "maxLength": 2_000},
        "payload": {"description": "Any JSON."},
        "body": {"description": "The same as `payload`."},
        "headers": {"type": "object", "additionalProperties": {"type": "string"}},
        "secret": {
            "type": "string",
            "minLength": 1,
            "description": "`whsec_…`; without it, the project's signing secret.",
        },
    },
    "required": ["url"],
    "additionalProperties": False,
}

_TIMEOUT_S = 30.0
_MAX_BODY_BYTES = 256 * 1024
_MAX_ANSWER_BYTES = 256 * 1024
_THREADS = 16
_LATER = frozenset({408, 425, 429})
# Headers that are the signature's, or HTTP's own.
_TAKEN = frozenset(
    {"accept-encoding", "content-type", "content-length", "host", "connection"}
)
_pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="webhook")


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    body: bytes
    is_cut: bool
    content_type: str


async def perform(task: Task) -> Outcome:
    said = task.input
    body = orjson.dumps(said.get("payload", said.get("body")))
    if len(body) > _MAX_BODY_BYTES:
        msg = f"A webhook carries at most {_MAX_BODY_BYTES} bytes."
        return Failed("payload_too_large", msg)
    secret = said.get("secret")
    if secret is None:
        secret = await task.tools.read(partial(signing_secret, task.run.project_id))
    try:
        headers = _headers(said.get("headers", {}), body, secret, f"msg_{task.id.hex}")
    except (EmptyWebhookSecretError, ValueError) as error:
        return Failed("invalid_input", str(error))
    loop = asyncio.get_running_loop()
    post = partial(_post, said["url"], body, headers)
    try:
        answer = await loop.run_in_executor(_pool, post)
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        msg = f"The address did not answer: {type(error).__name__}: {error}"[:300]
        may_retry = not isinstance(error, httpx.InvalidURL | httpx.UnsupportedProtocol)
        return Failed("webhook_failed", msg, may_retry=may_retry)
    if not 200 <= answer.status < 300:
        msg = f"The address answered with status {answer.status}."
        return Failed(
            "webhook_failed",
            msg,
            may_retry=answer.status >= 500 or answer.status in _LATER,
        )
    if answer.is_cut:
        msg = f"What the address answered is longer than {_MAX_ANSWER_BYTES} bytes."
        return Failed("output_too_large", msg)
    return Done({"status": answer.status, "body": _read(answer)})


def _headers(
    own: Mapping[str, str], body: bytes, secret: str, message_id: str
) -> dict[str, str]:
    """Return the headers with the signature. Raises `ValueError`.

    The id is the same for every attempt, so that who is told twice can know it.
    """
    for name, value in own.items():
        lower = name.lower()
        if lower in _TAKEN or lower.startswith("webhook-"):
            raise ValueError(f"The header {name[:50]!r} may not be set.")
        if not (name.isascii() and value.isascii() and value.isprintable()):
            raise ValueError(f"The header {name[:50]!r} cannot be sent.")
    now = datetime.now(UTC)
    try:
        signature = Webhook(secret).sign(message_id, now, body.decode())
    except ValueError as error:
        msg = "The secret must be base64, with or without 'whsec_' before it."
        raise ValueError(msg) from error
    return {
        **own,
        # What is packed may unpack to any size; it is read as it comes.
        "accept-encoding": "identity",
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": signature,
    }


def _post(url: str, body: bytes, headers: dict[str, str]) -> _Answer:
    with (
        public_client(_TIMEOUT_S) as client,
        client.stream("POST", url, content=body, headers=headers) as answer,
    ):
        read, is_cut = b"", False
        for piece in answer.iter_raw():
            read += piece
            if len(read) > _MAX_ANSWER_BYTES:
                is_cut = True
                break
        content_type = answer.headers.get("content-type", "")
        return _Answer(answer.status_code, read, is_cut, content_type)


def _read(answer: _Answer) -> Any:
    """Return the answer as the JSON it is, else as text."""
    if "json" in answer.content_type:
        try:
            return orjson.loads(answer.body)
        except orjson.JSONDecodeError:
            pass
    return answer.body.decode("utf-8", "replace")
