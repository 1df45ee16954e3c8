"""The clients of the matrix, by the name that stands in its test ids."""

from collections.abc import Callable

from tests.gateway.matrix.asking import Client
from tests.gateway.matrix.chat_completions import GroqClient, OpenAIClient
from tests.gateway.matrix.gemini import GeminiV1BetaClient, GeminiV1Client
from tests.gateway.matrix.messages import AnthropicClient
from tests.gateway.matrix.mistral import MistralClient
from tests.gateway.matrix.own import OwnClient
from tests.gateway.matrix.responses import ResponsesClient

CLIENTS: dict[str, Callable[[str, str], Client]] = {
    "openai": OpenAIClient,
    "responses": ResponsesClient,
    "anthropic": AnthropicClient,
    "gemini-v1": GeminiV1Client,
    "gemini-v1beta": GeminiV1BetaClient,
    "signalbox": OwnClient,
    "mistralai": MistralClient,
    "groq": GroqClient,
}
