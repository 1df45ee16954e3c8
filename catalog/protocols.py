"""The wire protocols by name. A provider's or endpoint's `handler` is one of these."""

from django.db import models


class WireProtocol(models.TextChoices):
    OPENAI_CHAT = "openai_chat", "OpenAI Chat Completions"
    ANTHROPIC_MESSAGES = "anthropic_messages", "Anthropic Messages"
    GEMINI_GENERATE = "gemini_generate", "Gemini generateContent"


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


class Strategy(models.TextChoices):
    """How the candidates of an alias are ordered."""

    PRIORITY = "priority"
    CHEAPEST = "cheapest"
    FASTEST = "fastest"
    WEIGHTED = "weighted"


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
