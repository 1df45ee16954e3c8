"""Makes the rows that a measurement needs: `python -m tests.benchmarks.rows URL`.

Everything that costs time is on: three limits, prices, an alias. The last line of
standard output is the project key.
"""

import os
import sys
from datetime import UTC, datetime
from decimal import Decimal

import django

# Names of their own, so that the simulator counts the gateway's calls apart.
MODEL = "sim-bench-gateway"
# Alias: protocol, path and model behind it.
UPSTREAMS = {
    "bench": ("openai_chat", "/v1/chat/completions", MODEL),
    "bench-anthropic": ("anthropic_messages", "/v1/messages", f"{MODEL}-anthropic"),
    "bench-gemini": (
        "gemini_generate",
        "/v1beta/models/{model}:generateContent",
        f"{MODEL}-gemini",
    ),
}


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    print(make(sys.argv[1]))


def make(simulator_url: str) -> str:
    """Create providers, models, aliases, project and limits; return a new key."""
    from tenants.models import ApiKey, Limit, Organization, Project

    for name in UPSTREAMS:
        _offer(name, simulator_url)
    organization = Organization.objects.create(slug="bench", name="Bench")
    project = Project.objects.create(
        organization=organization,
        slug="bench",
        name="Bench",
        cache={"enabled": False, "ttl_s": 86400},
    )
    # High enough never to refuse, and counted all the same.
    for metric, limit, per in (
        ("requests", 10_000_000, "minute"),
        ("tokens", 1_000_000_000_000, "minute"),
        ("concurrency", 100_000, ""),
    ):
        Limit.objects.create(project=project, metric=metric, amount=limit, per=per)
    _, text = ApiKey.issue(project, "bench")
    return text


def _offer(name: str, simulator_url: str) -> None:
    """Create an alias with all that is behind it."""
    from catalog.models import AIModel, Alias, AliasTarget, Endpoint, Price, Provider

    protocol, path, model_id = UPSTREAMS[name]
    provider = Provider.objects.create(
        slug=name,
        name=name.title(),
        base_url=simulator_url,
        handler=protocol,
        auth="none",
        allow_private_addresses=True,
    )
    Endpoint.objects.create(provider=provider, operation="chat", pattern=path)
    model = AIModel.objects.create(
        provider=provider,
        model_id=model_id,
        capabilities=["text", "tools", "streaming"],
        context_window=128_000,
        max_output_tokens=4096,
    )
    for component, amount in (("input", "0.10"), ("output", "0.40")):
        Price.objects.create(
            model=model,
            component=component,
            per_million=Decimal(amount),
            valid_from=datetime(2026, 1, 1, tzinfo=UTC),
        )
    alias = Alias.objects.create(name=name, operation="chat")
    AliasTarget.objects.create(alias=alias, model=model)


if __name__ == "__main__":
    main()
