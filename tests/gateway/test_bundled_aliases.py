"""Which of the bundled aliases work with the key of one provider alone."""

import asyncio

import pytest

from catalog.loading import load_catalog
from catalog.models import Alias, Credential, Provider
from gateway.candidates import candidates_for
from gateway.configuration.catalog_loading import build_catalog, read_catalog
from gateway.refusals import Refusal
from tests.gateway import records

CHAT = {
    *("fast", "smart", "cheap", "vision", "long-context"),
    *("code", "creative", "analysis", "reasoning"),
}
# What a provider has no model for is not in its line.
WORKING = {
    "openai": CHAT | {"embed", "voice"},
    "anthropic": CHAT,
    "gemini": CHAT | {"embed"},
    "xai": CHAT,
    "azure": CHAT | {"embed"},
    "groq": (CHAT - {"vision", "long-context"}) | {"voice"},
    "perplexity": CHAT - {"vision", "long-context"},
    "mistral": CHAT | {"embed", "eu"},
    "together": CHAT | {"embed"},
    "cohere": CHAT | {"embed"},
    "openrouter": CHAT | {"embed"},
    "deepinfra": CHAT | {"embed"},
    "elevenlabs": {"voice"},
    "bedrock": CHAT | {"embed"},
    "vertex": CHAT,
    "vertex-anthropic": CHAT,
}


@pytest.mark.django_db
def test_each_alias_works_with_the_key_of_any_provider_that_has_such_a_model(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    load_catalog()
    Provider.objects.filter(slug__in=WORKING).update(active=True)
    keys = dict(
        Credential.objects.filter(project=None).values_list(
            "provider__slug", "env_name"
        )
    )
    for name in {*keys.values(), "AWS_SECRET_ACCESS_KEY"}:
        monkeypatch.delenv(name, raising=False)

    found = {}
    for slug in WORKING:
        with monkeypatch.context() as patch:
            patch.setenv(keys[slug], "a-key")
            patch.setenv("AWS_SECRET_ACCESS_KEY", "its-secret")
            found[slug] = working_aliases(slug)

    assert found == WORKING
    assert keys.keys() == WORKING.keys()


def working_aliases(slug: str) -> set[str]:
    """Return the aliases that have a candidate at the provider."""
    catalog = asyncio.run(build_catalog(read_catalog()))
    found = set()
    for alias in Alias.objects.all():
        request = records.request(alias.name)
        request.operation = alias.operation
        try:
            candidates = candidates_for(request, records.PROJECT, catalog)
        except Refusal:
            continue
        if any(each.model.provider.slug == slug for each in candidates.able):
            found.add(alias.name)
    return found
