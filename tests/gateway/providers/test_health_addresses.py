"""What is asked of each provider to learn whether it answers."""

from dataclasses import replace

import pytest

from catalog.bundle import apply_bundle, load_document
from catalog.loading import FOLDER
from catalog.models import Provider
from gateway.configuration.records import EndpointRecord
from gateway.providers.checks import read_probes
from gateway.providers.health_addresses import health_address
from tests.gateway.records import PROVIDER


def endpoint(handler: str, pattern: str) -> EndpointRecord:
    return EndpointRecord(1, "chat", pattern, handler, 10)


@pytest.mark.parametrize(
    ("handler", "pattern", "asked"),
    [
        ("openai_chat", "/v1/chat/completions", "/v1/models"),
        ("openai_chat", "/openai/v1/chat/completions", "/openai/v1/models"),
        ("openai_chat", "/v1/openai/chat/completions", "/v1/openai/models"),
        ("openai_responses", "/v1/responses", "/v1/models"),
        ("openai_speech", "/v1/audio/speech", "/v1/models"),
        (
            "openai_chat",
            "/openai/deployments/{deployment}/chat/completions?api-version=2024-10-21",
            "/openai/models?api-version=2024-10-21",
        ),
        ("openai_chat", "/chat", "/v1/models"),
        ("anthropic_messages", "/v1/messages", "/v1/models?limit=1"),
        (
            "gemini_generate",
            "/v1beta/models/{model}:generateContent",
            "/v1beta/models?pageSize=1",
        ),
        ("cohere_chat", "/v2/chat", "/v1/models?page_size=1"),
        ("elevenlabs_speech", "/v1/text-to-speech/{voice}", "/v1/models"),
    ],
)
def test_the_list_of_models_is_asked_for(
    handler: str, pattern: str, asked: str
) -> None:
    provider = replace(PROVIDER, endpoints={"chat": (endpoint(handler, pattern),)})

    assert str(health_address(provider, "")) == provider.base_url + asked


def test_amazon_lists_models_at_another_host() -> None:
    provider = replace(
        PROVIDER,
        base_url="https://bedrock-runtime.eu-west-1.amazonaws.com",
        endpoints={"chat": (endpoint("bedrock_converse", "/model/{model}/converse"),)},
    )

    asked = health_address(provider, "")

    assert str(asked) == "https://bedrock.eu-west-1.amazonaws.com/foundation-models"


@pytest.mark.parametrize(
    ("wanted", "asked"),
    [
        ("/api/v1/key", "https://api.acme.example/api/v1/key"),
        ("https://status.acme.example/ping", "https://status.acme.example/ping"),
        ("none", None),
    ],
)
def test_an_operator_may_say_what_to_ask(wanted: str, asked: str | None) -> None:
    provider = replace(
        PROVIDER,
        base_url="https://api.acme.example",
        endpoints={"chat": (endpoint("openai_chat", "/v1/chat/completions"),)},
    )

    found = health_address(provider, wanted)

    assert (None if found is None else str(found)) == asked


def test_without_an_endpoint_there_is_nothing_to_ask() -> None:
    assert health_address(replace(PROVIDER, endpoints={}), "") is None


# Where the list of models says nothing about the key, or is elsewhere.
_OTHERWISE = {
    "anthropic": "https://api.anthropic.com/v1/models?limit=1",
    "cohere": "https://api.cohere.com/v1/models?page_size=1",
    "deepinfra": "https://api.deepinfra.com/v1/openai/models",
    "elevenlabs": "https://api.elevenlabs.io/v1/models",
    "gemini": "https://generativelanguage.googleapis.com/v1beta/models?pageSize=1",
    "groq": "https://api.groq.com/openai/v1/models",
    "mistral": "https://api.mistral.ai/v1/models",
    "openai": "https://api.openai.com/v1/models",
    "openrouter": "https://openrouter.ai/api/v1/key",
    "perplexity": "https://api.perplexity.ai/v1/models",
    "together": "https://api.together.ai/v1/models",
    "xai": "https://api.x.ai/v1/models",
}


@pytest.mark.django_db
def test_every_provider_of_the_catalog_has_something_free_to_be_asked() -> None:
    for path in FOLDER.glob("*.yaml"):
        document = load_document(path.read_text("utf-8"))
        sections = {name: document.get(name, []) for name in ("providers", "endpoints")}
        apply_bundle(sections, actor="a test")
    Provider.objects.update(active=True, auth="none")

    found = {probe.provider.slug: probe.address for probe in read_probes()}

    assert all(address is not None for address in found.values()), found
    for slug, address in _OTHERWISE.items():
        if slug in found:
            assert str(found[slug]) == address
