"""Which code speaks which wire protocol."""

from types import ModuleType

from catalog.protocols import WireProtocol
from gateway.adapters import (
    anthropic_messages,
    bedrock_converse,
    bedrock_embeddings,
    cohere_chat,
    cohere_embeddings,
    cohere_rerank,
    elevenlabs_speech,
    elevenlabs_transcription,
    gemini_embeddings,
    gemini_generate,
    openai_chat,
    openai_embeddings,
    openai_images,
    openai_moderation,
    openai_responses,
    openai_speech,
    openai_transcription,
)

ADAPTERS: dict[str, ModuleType] = {
    WireProtocol.OPENAI_CHAT.value: openai_chat,
    WireProtocol.OPENAI_RESPONSES.value: openai_responses,
    WireProtocol.ANTHROPIC_MESSAGES.value: anthropic_messages,
    WireProtocol.GEMINI_GENERATE.value: gemini_generate,
    WireProtocol.BEDROCK_CONVERSE.value: bedrock_converse,
    WireProtocol.BEDROCK_EMBEDDINGS.value: bedrock_embeddings,
    WireProtocol.COHERE_CHAT.value: cohere_chat,
    WireProtocol.COHERE_EMBEDDINGS.value: cohere_embeddings,
    WireProtocol.COHERE_RERANK.value: cohere_rerank,
    WireProtocol.OPENAI_EMBEDDINGS.value: openai_embeddings,
    WireProtocol.GEMINI_EMBEDDINGS.value: gemini_embeddings,
    WireProtocol.OPENAI_IMAGES.value: openai_images,
    WireProtocol.OPENAI_MODERATION.value: openai_moderation,
    WireProtocol.OPENAI_SPEECH.value: openai_speech,
    WireProtocol.OPENAI_TRANSCRIPTION.value: openai_transcription,
    WireProtocol.ELEVENLABS_SPEECH.value: elevenlabs_speech,
    WireProtocol.ELEVENLABS_TRANSCRIPTION.value: elevenlabs_transcription,
}
