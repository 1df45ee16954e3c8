"""Adding a provider that speaks as OpenAI does: one file, no code."""

import openai
import pytest

from catalog.bundle import apply_bundle, load_document
from gateway.simulator import Simulator
from tests.gateway.live import LiveGateway

FILE = """
providers:
  - slug: newcomer
    name: Newcomer
    base_url: {url}
    handler: openai
    credential: env:NEWCOMER_API_KEY
    allow_private_addresses: true
    rename_params: {{max_completion_tokens: max_tokens}}
endpoints:
  - {{provider: newcomer, operation: chat, pattern: /v1/chat/completions}}
  - {{provider: newcomer, operation: embeddings, pattern: /v1/embeddings}}
models:
  - provider: newcomer
    model_id: new-large
    capabilities: [text, tools, streaming]
    prices:
      - {{component: input, per_million: '1.00', valid_from: 2026-01-01}}
      - {{component: output, per_million: '2.00', valid_from: 2026-01-01}}
  - provider: newcomer
    model_id: new-embed
    operations: [embeddings]
    capabilities: [embeddings]
    prices:
      - {{component: input, per_million: '0.10', valid_from: 2026-01-01}}
aliases:
  - name: newest
    targets:
      - {{model: newcomer/new-large}}
"""


@pytest.fixture
def newcomer(
    live: LiveGateway, upstream: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEWCOMER_API_KEY", "sk-of-the-newcomer")
    apply_bundle(load_document(FILE.format(url=upstream.url)), actor="a test")
    live.caught_up()


@pytest.mark.usefixtures("newcomer")
@pytest.mark.parametrize("name", ["newcomer/new-large", "new-large", "newest"])
def test_a_provider_in_one_file_answers_chats(client: openai.OpenAI, name: str) -> None:
    answer = client.chat.completions.create(
        model=name, messages=[{"role": "user", "content": "Hi."}]
    )
    stream = client.chat.completions.create(
        model=name, messages=[{"role": "user", "content": "Hi."}], stream=True
    )

    assert answer.model == "new-large"
    assert answer.choices[0].message.content
    assert list(stream)[-1].choices[0].finish_reason == "stop"


@pytest.mark.usefixtures("newcomer")
def test_a_provider_in_one_file_makes_embeddings(client: openai.OpenAI) -> None:
    answer = client.embeddings.create(model="new-embed", input=["one", "two"])

    assert [each.index for each in answer.data] == [0, 1]
    assert len(answer.data[0].embedding) > 1
