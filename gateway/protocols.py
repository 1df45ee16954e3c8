"""Which code speaks which wire protocol."""

from types import ModuleType

from catalog.protocols import WireProtocol
from gateway.adapters import anthropic_messages, gemini_generate, openai_chat

ADAPTERS: dict[str, ModuleType] = {
    WireProtocol.OPENAI_CHAT.value: openai_chat,
    WireProtocol.ANTHROPIC_MESSAGES.value: anthropic_messages,
    WireProtocol.GEMINI_GENERATE.value: gemini_generate,
}
