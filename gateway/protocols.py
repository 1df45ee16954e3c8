"""Which code speaks which wire protocol."""

from types import ModuleType

from catalog.protocols import WireProtocol
from gateway.adapters import openai_chat

ADAPTERS: dict[str, ModuleType] = {WireProtocol.OPENAI_CHAT.value: openai_chat}
