"""Which protocol answers at which path."""

import re
from collections.abc import Callable

from gateway.simulator.anthropic_count import AnthropicCount
from gateway.simulator.anthropic_messages import AnthropicMessages
from gateway.simulator.bedrock_chat import BedrockChat
from gateway.simulator.bedrock_embeddings import BedrockEmbeddings
from gateway.simulator.cohere_chat import CohereChat
from gateway.simulator.cohere_embeddings import CohereEmbeddings
from gateway.simulator.cohere_rerank import CohereRerank, CohereRerankOlder
from gateway.simulator.elevenlabs import ElevenLabs
from gateway.simulator.elevenlabs_speech import ElevenLabsSpeech
from gateway.simulator.elevenlabs_transcription import ElevenLabsTranscription
from gateway.simulator.gemini_chat import GeminiChat, GeminiCount
from gateway.simulator.gemini_embeddings import GeminiBatchEmbeddings, GeminiEmbedding
from gateway.simulator.openai_chat import OpenAIChat
from gateway.simulator.openai_embeddings import OpenAIEmbeddings
from gateway.simulator.openai_images import OpenAIImages
from gateway.simulator.openai_moderation import OpenAIModeration
from gateway.simulator.openai_responses import OpenAIResponses
from gateway.simulator.openai_speech import OpenAISpeech
from gateway.simulator.openai_transcription import OpenAITranscription
from gateway.simulator.perplexity_agent import PerplexityAgent
from gateway.simulator.types import Head, WireProtocol
from gateway.simulator.vertex_messages import VertexMessages

PROTOCOLS: dict[str, Callable[[Head], WireProtocol]] = {
    "/v1/chat/completions": OpenAIChat,
    "/v1/responses": OpenAIResponses,
    "/v1/agent": PerplexityAgent,
    "/v1/audio/speech": OpenAISpeech,
    "/v1/audio/transcriptions": OpenAITranscription,
    "/v1/embeddings": OpenAIEmbeddings,
    "/v1/images/generations": OpenAIImages,
    "/v1/moderations": OpenAIModeration,
    "/v1/messages": AnthropicMessages,
    "/v1/messages/count_tokens": AnthropicCount,
    "/v2/chat": CohereChat,
    "/v2/embed": CohereEmbeddings,
    "/v2/rerank": CohereRerank,
    "/v1/rerank": CohereRerankOlder,
    "/v1/speech-to-text": ElevenLabsTranscription,
}
# Gemini names the model in the path, and after a colon what to do with it.
GEMINI_METHODS: dict[str, Callable[[Head, str], WireProtocol]] = {
    "generateContent": GeminiChat,
    "streamGenerateContent": GeminiChat.streaming,
    "countTokens": GeminiCount,
    "embedContent": GeminiEmbedding,
    "batchEmbedContents": GeminiBatchEmbeddings,
}
# Amazon names the model in the path as well.
BEDROCK_METHODS: dict[str, Callable[[Head, str], WireProtocol]] = {
    "converse": BedrockChat,
    "converse-stream": BedrockChat.streaming,
    "invoke": BedrockEmbeddings,
}
VERTEX_METHODS: dict[str, Callable[[Head, str], WireProtocol]] = {
    "rawPredict": VertexMessages,
    "streamRawPredict": VertexMessages.streaming,
}
# ElevenLabs names the voice there.
SPEECH_METHODS: dict[str, Callable[[Head, str], WireProtocol]] = {
    "": ElevenLabsSpeech,
    "/stream": ElevenLabsSpeech.streaming,
}
_BY_MODEL = (
    (re.compile(r"/model/(.+)/([a-z-]+)"), BEDROCK_METHODS),
    (re.compile(r"/v1/text-to-speech/([^/]+)((?:/stream)?)"), SPEECH_METHODS),
    (re.compile(r"/v1(?:beta|alpha)?/models/(.+):(\w+)"), GEMINI_METHODS),
    (re.compile(r"/v1.*/publishers/google/models/(.+):(\w+)"), GEMINI_METHODS),
    (re.compile(r"/v1.*/publishers/anthropic/models/(.+):(\w+)"), VERTEX_METHODS),
)
# Azure has OpenAI's paths in two other places.
_AZURE_PATH = re.compile(r"/openai/(?:v1|deployments/[^/]+)(/.+)")


def protocol_at(path: str, head: Head) -> WireProtocol | None:
    """Return what answers a POST to this path, or None."""
    if (azure := _AZURE_PATH.fullmatch(path)) is not None:
        path = f"/v1{azure[1]}"
    if (build := PROTOCOLS.get(path)) is not None:
        return build(head)
    for pattern, methods in _BY_MODEL:
        if (found := pattern.fullmatch(path)) is not None:
            method = methods.get(found[2])
            return None if method is None else method(head, found[1])
    return None


def spoken_by(path: str, head: Head) -> WireProtocol:
    """Return the protocol of a client, at a path that all of them may ask for."""
    if head.header(b"xi-api-key") is not None:
        return ElevenLabs(head)
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
