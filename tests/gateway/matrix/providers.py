"""The simulator as one provider for each protocol of conversations."""

import json
from decimal import Decimal

from catalog.models import Provider
from catalog.protocols import OPERATION_OF
from gateway.simulator import Simulator
from tests.factories import (
    AIModelFactory,
    CredentialFactory,
    EndpointFactory,
    PriceFactory,
    ProviderFactory,
)
from tests.gateway.live import LiveGateway
from tests.gateway.signatures import KEYS

# Protocol: path of its endpoint, how it wants the credential.
PROTOCOLS = {
    "openai_chat": ("/v1/chat/completions", "bearer"),
    "openai_responses": ("/v1/responses", "bearer"),
    "anthropic_messages": ("/v1/messages", "header:x-api-key"),
    "gemini_generate": (
        "/v1beta/models/{model}:generateContent",
        "header:x-goog-api-key",
    ),
    "cohere_chat": ("/v2/chat", "bearer"),
    "bedrock_converse": ("/model/{model}/converse", "aws_sigv4"),
}
# Paced: a failure that comes together with the first content is one before it.
ERROR_DURING = (
    "sim-fault-error-midstream-8-pace-3",
    "sim-fault-truncate-8-pace-3",
)
MODELS = (
    "sim-chat",
    "sim-vision",
    "sim-fault-400",
    "sim-fault-429-retry-after",
    "sim-fault-500",
    *ERROR_DURING,
)
CAPABILITIES = [
    "text",
    "vision",
    "tools",
    "parallel_tools",
    "json_mode",
    "json_schema",
    "reasoning",
    "streaming",
]


def reasoning_model(protocol: str) -> str:
    """Return a model that thinks; OpenAI's are known by their names."""
    return "gpt-5.2-reasoning" if protocol == "openai_responses" else "sim-reasoning"


def slug_of(protocol: str) -> str:
    return protocol.replace("_", "-")


def offer_all(url: str) -> None:
    """Put every model behind every protocol."""
    for protocol in PROTOCOLS:
        provider = offer(protocol, url)
        for model_id in (*MODELS, reasoning_model(protocol)):
            offer_model(provider, model_id)


def offered(
    live: LiveGateway, upstream: Simulator, protocol: str, model_id: str
) -> str:
    """Offer one model in a test with rows of its own; return what it is called."""
    slug = slug_of(protocol)
    provider = Provider.objects.filter(slug=slug).first()
    offer_model(provider or offer(protocol, upstream.url), model_id)
    live.caught_up()
    return f"{slug}/{model_id}"


def offer(protocol: str, url: str) -> Provider:
    pattern, auth = PROTOCOLS[protocol]
    provider = ProviderFactory.create(
        slug=slug_of(protocol),
        base_url=url,
        handler=protocol,
        auth=auth,
        allow_private_addresses=True,
    )
    EndpointFactory.create(
        provider=provider, operation=OPERATION_OF[protocol], pattern=pattern
    )
    secret = json.dumps(KEYS) if auth == "aws_sigv4" else "sk-of-the-platform-123456"
    CredentialFactory.create(provider=provider, value=secret)
    return provider


def offer_model(provider: Provider, model_id: str) -> None:
    model = AIModelFactory.create(
        provider=provider,
        model_id=model_id,
        operations=[OPERATION_OF[provider.handler]],
        capabilities=CAPABILITIES,
        max_output_tokens=4096,
    )
    for component in ("input", "output"):
        PriceFactory.create(model=model, component=component, per_million=Decimal(1))
