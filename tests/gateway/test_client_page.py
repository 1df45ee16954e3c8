"""The snippets of docs/clients.md, each run as a reader would run it."""

import os
import subprocess
import sys

import pytest

from catalog.models import Provider
from config.embedded import CHECKOUT
from tests.factories import EndpointFactory
from tests.gateway.conftest import Offer, offered_model
from tests.gateway.live import LiveGateway
from tests.test_docs import blocks

pytestmark = pytest.mark.system

SNIPPETS = blocks(CHECKOUT / "docs/clients.md", "python")
PACKAGES = [
    next(
        line.removeprefix("from ")
        for line in snippet.splitlines()
        if line.startswith("from ")
    )
    for snippet in SNIPPETS
]


@pytest.mark.parametrize("snippet", SNIPPETS, ids=PACKAGES)
def test_a_snippet_prints_an_answer(
    live: LiveGateway, offer: Offer, provider: Provider, key: str, snippet: str
) -> None:
    offer("sim-chat")
    if "embed" in snippet:
        model = offered_model(provider, "sim-embed")
        model.operations = ["embeddings"]
        model.save()
        EndpointFactory.create(
            provider=provider, operation="embeddings", pattern="/v1/embeddings"
        )
        offer("sim-embed", name="embed", operation="embeddings")
    environment = {**os.environ, "SIGNALBOX_URL": live.url, "SIGNALBOX_KEY": key}

    ended = subprocess.run(
        [sys.executable, "-c", snippet],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert ended.returncode == 0, ended.stderr
    assert len(ended.stdout.split()) >= 3
