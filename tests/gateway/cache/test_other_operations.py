"""Answers that are no conversations are given again as they were."""

from typing import Any

import httpx
import pytest

from gateway.simulator import Simulator
from tenants.models import Project
from tests.factories import (
    AIModelFactory,
    CredentialFactory,
    EndpointFactory,
    PriceFactory,
    ProviderFactory,
)
from tests.gateway.cache.conftest import cache_of
from tests.gateway.live import LiveGateway

OPERATIONS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "embeddings": ("openai_embeddings", "/v1/embeddings", {"input": "Red fox"}),
    "moderation": ("openai_moderation", "/v1/moderations", {"input": "Red fox"}),
    "rerank": (
        "cohere_rerank",
        "/v2/rerank",
        {"query": "fox", "documents": ["red fox", "snow"]},
    ),
    "images": ("openai_images", "/v1/images/generations", {"prompt": "Red fox"}),
}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_what_is_kept_and_what_is_not(
    live: LiveGateway,
    http: httpx.Client,
    upstream: Simulator,
    project: Project,
    operation: str,
) -> None:
    protocol, path, body = OPERATIONS[operation]
    provider = ProviderFactory.create(
        slug="sim",
        base_url=upstream.url,
        handler=protocol,
        allow_private_addresses=True,
    )
    EndpointFactory.create(provider=provider, operation=operation, pattern=path)
    CredentialFactory.create(provider=provider)
    model = AIModelFactory.create(
        provider=provider, model_id="sim-chat", operations=[operation]
    )
    for component in ("input", "search", "image"):
        PriceFactory.create(model=model, component=component)
    live.caught_up()
    asked = {"model": "sim/sim-chat", **body}

    first, second = (
        http.post(path.replace("/v2/", "/v1/"), json=asked) for _ in range(2)
    )

    if operation == "images":
        assert (cache_of(first), cache_of(second)) == ("bypass", "bypass")
    else:
        assert (cache_of(first), cache_of(second)) == ("miss", "hit")
        assert first.content == second.content
        assert first.headers["content-type"] == second.headers["content-type"]
