"""The wire protocols by name. A provider's or endpoint's `handler` is one of these."""

from django.db import models


class WireProtocol(models.TextChoices):
    """How a provider is spoken to, for one operation; its first word is the family."""

    OPENAI_CHAT = "openai_chat", "OpenAI Chat Completions"
    OPENAI_RESPONSES = "openai_responses", "OpenAI Responses"
    OPENAI_EMBEDDINGS = "openai_embeddings", "OpenAI Embeddings"
    OPENAI_SPEECH = "openai_speech", "OpenAI Speech"
    OPENAI_TRANSCRIPTION = "openai_transcription", "OpenAI Transcription"
    OPENAI_IMAGES = "openai_images", "OpenAI Images"
    OPENAI_MODERATION = "openai_moderation", "OpenAI Moderation"
    ANTHROPIC_MESSAGES = "anthropic_messages", "Anthropic Messages"
    GEMINI_GENERATE = "gemini_generate", "Gemini generateContent"
    GEMINI_EMBEDDINGS = "gemini_embeddings", "Gemini batchEmbedContents"
    COHERE_CHAT = "cohere_chat", "Cohere Chat v2"
    COHERE_EMBEDDINGS = "cohere_embeddings", "Cohere Embed v2"
    COHERE_RERANK = "cohere_rerank", "Cohere Rerank v2"
    BEDROCK_CONVERSE = "bedrock_converse", "Amazon Bedrock Converse"
    BEDROCK_EMBEDDINGS = "bedrock_embeddings", "Amazon Bedrock InvokeModel, embeddings"
    ELEVENLABS_SPEECH = "elevenlabs_speech", "ElevenLabs Text to Speech"
    ELEVENLABS_TRANSCRIPTION = "elevenlabs_transcription", "ElevenLabs Speech to Text"


class Operation(models.TextChoices):
    """What a client asks for."""

    CHAT = "chat"
    RESPONSES = "responses"
    EMBEDDINGS = "embeddings"
    SPEECH = "speech"
    TRANSCRIPTION = "transcription"
    IMAGES = "images"
    MODERATION = "moderation"
    RERANK = "rerank"
    COUNT_TOKENS = "count_tokens"


class Capability(models.TextChoices):
    """What a model can take, give or do."""

    TEXT = "text"
    VISION = "vision"
    AUDIO_IN = "audio_in"
    AUDIO_OUT = "audio_out"
    FILES = "files"
    TOOLS = "tools"
    PARALLEL_TOOLS = "parallel_tools"
    JSON_MODE = "json_mode"
    JSON_SCHEMA = "json_schema"
    REASONING = "reasoning"
    STREAMING = "streaming"
    WEB_SEARCH = "web_search"
    PROMPT_CACHE = "prompt_cache"
    EMBEDDINGS = "embeddings"
    SPEECH = "speech"
    TRANSCRIPTION = "transcription"
    IMAGES = "images"
    RERANK = "rerank"


class PriceComponent(models.TextChoices):
    """What a price is asked for."""

    INPUT = "input"
    CACHE_READ = "cache_read"
    CACHE_WRITE = "cache_write"
    OUTPUT = "output"
    REASONING = "reasoning"
    AUDIO_IN = "audio_in"
    AUDIO_OUT = "audio_out"
    IMAGE = "image"
    CHARACTER = "character"
    SECOND = "second"
    REQUEST = "request"
    SEARCH = "search"


# What each protocol is for.
OPERATION_OF: dict[str, str] = {
    WireProtocol.OPENAI_CHAT: Operation.CHAT,
    WireProtocol.OPENAI_RESPONSES: Operation.RESPONSES,
    WireProtocol.OPENAI_EMBEDDINGS: Operation.EMBEDDINGS,
    WireProtocol.OPENAI_SPEECH: Operation.SPEECH,
    WireProtocol.OPENAI_TRANSCRIPTION: Operation.TRANSCRIPTION,
    WireProtocol.OPENAI_IMAGES: Operation.IMAGES,
    WireProtocol.OPENAI_MODERATION: Operation.MODERATION,
    WireProtocol.ANTHROPIC_MESSAGES: Operation.CHAT,
    WireProtocol.GEMINI_GENERATE: Operation.CHAT,
    WireProtocol.GEMINI_EMBEDDINGS: Operation.EMBEDDINGS,
    WireProtocol.COHERE_CHAT: Operation.CHAT,
    WireProtocol.COHERE_EMBEDDINGS: Operation.EMBEDDINGS,
    WireProtocol.COHERE_RERANK: Operation.RERANK,
    WireProtocol.BEDROCK_CONVERSE: Operation.CHAT,
    WireProtocol.BEDROCK_EMBEDDINGS: Operation.EMBEDDINGS,
    WireProtocol.ELEVENLABS_SPEECH: Operation.SPEECH,
    WireProtocol.ELEVENLABS_TRANSCRIPTION: Operation.TRANSCRIPTION,
}

_CONVERSATION = (Operation.CHAT.value, Operation.RESPONSES.value)


def served_by(operation: str) -> tuple[str, ...]:
    """Return the operations of a model that can answer this one, the closest first.

    Chat and Responses are two ways to hold a conversation; each is translated to the
    other.
    """
    if operation not in _CONVERSATION:
        return (operation,)
    return _CONVERSATION if operation == Operation.CHAT else _CONVERSATION[::-1]


def handlers_for(operation: str) -> list[str]:
    """Return the protocols that are for an operation."""
    # Tokens are counted in the protocol of the conversation that they are counted for.
    if operation == Operation.COUNT_TOKENS:
        operation = Operation.CHAT
    return [str(name) for name, served in OPERATION_OF.items() if served == operation]


def protocol_for(handler: str, operation: str) -> str | None:
    """Return how a provider of that handler is spoken to for an operation.

    The handler itself where it is for that; else the protocol of its family that is;
    None when there is none.
    """
    known = handlers_for(operation)
    if handler in known:
        return handler
    family = handler.partition("_")[0]
    return next((name for name in known if name.partition("_")[0] == family), None)
