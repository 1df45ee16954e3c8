"""Which protocol answers at which path."""

import re
from collections.abc import Callable

from gateway.simulator.anthropic_count import AnthropicCount
from gateway.simulator.anthropic_messages import AnthropicMessages
from gateway.simulator.gemini_chat import GeminiChat, GeminiCount
from gateway.simulator.gemini_embeddings import GeminiBatchEmbeddings, GeminiEmbedding
from gateway.simulator.openai_chat import OpenAIChat
from gateway.simulator.types import Head, WireProtocol

PROTOCOLS: dict[str, Callable[[Head], WireProtocol]] = {
    "/v1/chat/completions": OpenAIChat,
    "/v1/messages": AnthropicMessages,
    "/v1/messages/count_tokens": AnthropicCount,
}
# Gemini names the model in the path, and after a colon what to do with it.
GEMINI_METHODS: dict[str, Callable[[Head, str], WireProtocol]] = {
    "generateContent": GeminiChat,
    "streamGenerateContent": GeminiChat.streaming,
    "countTokens": GeminiCount,
    "embedContent": GeminiEmbedding,
    "batchEmbedContents": GeminiBatchEmbeddings,
}
_GEMINI_PATH = re.compile(r"/v1(?:beta|alpha)?/models/(.+):(\w+)")


def protocol_at(path: str, head: Head) -> WireProtocol | None:
    """Return what answers a POST to this path, or None."""
    if (build := PROTOCOLS.get(path)) is not None:
        return build(head)
    if (found := _GEMINI_PATH.fullmatch(path)) is None:
        return None
    method = GEMINI_METHODS.get(found[2])
    return None if method is None else method(head, found[1])


def spoken_by(path: str, head: Head) -> WireProtocol:
    """Return the protocol of a client, at a path that all of them may ask for."""
    if path.startswith(("/v1beta/", "/v1alpha/")) or _is_gemini(head):
        return GeminiChat(head, "")
    speaks_anthropic = head.header(b"anthropic-version") is not None
    if speaks_anthropic or path.startswith("/v1/messages"):
        return AnthropicMessages(head)
    return OpenAIChat(head)


def _is_gemini(head: Head) -> bool:
    named = (b"x-goog-api-key", b"x-goog-api-client")
    return any(head.header(name) is not None for name in named) or (
        head.parameter("key") is not None
    )
