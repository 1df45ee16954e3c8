"""Bundles that tests apply."""

from typing import Any

from catalog.bundle import load_document
from catalog.bundle.document import Document

EXAMPLE = """\
providers:
  - slug: acme
    name: Acme AI
    base_url: https://api.acme.example
    handler: openai
    auth: bearer
    credential: env:ACME_API_KEY
    region: eu
    active: true
    allow_private_addresses: false
    headers: {}
    drop_params: [logit_bias]
    rename_params: {max_completion_tokens: max_tokens}
    timeouts: {connect_s: 5, first_byte_s: 60, idle_s: 60, total_s: 600}
endpoints:
  - {provider: acme, operation: chat, pattern: /v1/chat/completions, handler: openai, priority: 10, active: true}
models:
  - provider: acme
    model_id: acme-large-2
    operations: [chat]
    context_window: 128000
    max_output_tokens: 16384
    capabilities: [text, vision, tools, json_schema, streaming]
    expected_latency_ms: 1200
    deprecated_on: null
    successor: null
    prices:
      - {component: input, per_million: "2.00", valid_from: 2026-01-01}
      - {component: output, per_million: "6.00", valid_from: 2026-01-01}
aliases:
  - name: fast
    project: null
    operation: chat
    strategy: cheapest
    required_capabilities: [text]
    region: null
    defaults: {temperature: 0.7}
    targets:
      - {model: acme/acme-large-2, priority: 1, weight: 100, active: true}
projects:
  - slug: nicestory
    name: NiceStory
    default_alias: fast
    cache: {enabled: true, ttl_s: 86400}
    auto_approve_threshold_usd: "1.00"
    allowed_regions: []
    limits:
      - {metric: requests, amount: 600, per: minute}
      - {metric: tokens, amount: 200000, per: minute}
      - {metric: concurrency, amount: 20}
    budgets:
      - {amount_usd: "50.00", per: month, mode: hard, warn_at: [50, 80, 95]}
    task_routes: {code: smart, creative: smart, fast: fast, analysis: smart}
"""  # noqa: E501


def example() -> Document:
    """Return the example of the documentation, parsed anew."""
    return load_document(EXAMPLE)


def bundle(**sections: list[dict[str, Any]]) -> Document:
    """Return the example with other sections in place of its own."""
    return {**example(), **sections}


def provider(**fields: Any) -> dict[str, Any]:
    return {**example()["providers"][0], **fields}


def model(**fields: Any) -> dict[str, Any]:
    return {**example()["models"][0], **fields}


def alias(**fields: Any) -> dict[str, Any]:
    return {**example()["aliases"][0], **fields}


def project(**fields: Any) -> dict[str, Any]:
    return {**example()["projects"][0], **fields}
