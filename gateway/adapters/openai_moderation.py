"""Moderation: what a text or picture holds that it should not. Mistral serves it too.

Source of the format: https://platform.openai.com/docs/api-reference/moderations
"""

import msgspec

from gateway.adapters.openai_chat import Unreadable, build_relayed, error_code
from gateway.adapters.openai_chat.usage import tokens_in
from gateway.types import UpstreamFault, UpstreamReply
from usage.tokens import Tokens

__all__ = [
    "HEADERS",
    "NAME",
    "Unreadable",
    "build_relayed",
    "error_code",
    "parse_response",
    "stream_path",
]

NAME = "openai_moderation"
HEADERS: dict[str, str] = {}

_ABSENT = msgspec.Raw(b"null")
_NO_ERROR = frozenset({b"null", b'""', b"{}"})
# Nothing reported is nothing used: OpenAI takes no money for it.
_FREE = Tokens()


class _Reply(msgspec.Struct):
    results: list[msgspec.Raw] | None = None
    usage: msgspec.Raw = _ABSENT
    error: msgspec.Raw = _ABSENT


_decode_reply = msgspec.json.Decoder(_Reply).decode


def stream_path(path: str) -> str:
    return path


def parse_response(body: bytes) -> UpstreamReply | UpstreamFault:
    """Read a 200 answer. A fault is an error that the provider hid in it."""
    try:
        reply = _decode_reply(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unreadable("The answer is no moderation.") from error
    if bytes(reply.error) not in _NO_ERROR:
        return error_code(body)
    if not reply.results:
        raise Unreadable("The answer holds no results.")
    return UpstreamReply(body=body, tokens=tokens_in(reply.usage) or _FREE)
