"""What the soak asks for: `python -m tests.benchmarks.soak.rows SIMULATOR_URL`.

The last line of standard output is a JSON object with a key for each project.
"""

import json
import os
import sys
from datetime import UTC, datetime
from decimal import Decimal

import django

# Provider: protocol and path.
PROTOCOLS = {
    "openai": ("openai_chat", "/v1/chat/completions"),
    "anthropic": ("anthropic_messages", "/v1/messages"),
    "gemini": ("gemini_generate", "/v1beta/models/{model}:generateContent"),
}
# Alias: its targets, each a provider and one of the simulator's models.
ALIASES = {
    **{f"soak-{name}": [(name, f"sim-soak-{name}-events-12")] for name in PROTOCOLS},
    "soak-long": [("openai", "sim-soak-pace-20-events-200")],
    "soak-slow": [("openai", "sim-soak-latency-400")],
    "soak-flaky": [("openai", "sim-fault-flaky-3"), ("openai", "sim-soak-spare")],
    "soak-broken": [("openai", "sim-fault-truncate-5")],
}
# Project: whether answers are kept, and how many requests a minute it may make.
PROJECTS = {"soak": (False, 10_000_000), "kept": (True, 10_000_000), "few": (False, 60)}


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    offer(sys.argv[1])
    print(json.dumps(issue()))


def offer(simulator_url: str) -> None:
    """Create a provider for each protocol, and the aliases."""
    from catalog.models import AIModel, Alias, AliasTarget, Endpoint, Price, Provider

    for name, (handler, pattern) in PROTOCOLS.items():
        provider = Provider.objects.create(
            slug=f"soak-{name}",
            name=f"Soak {name}",
            base_url=simulator_url,
            handler=handler,
            auth="none",
            allow_private_addresses=True,
        )
        Endpoint.objects.create(provider=provider, operation="chat", pattern=pattern)
    for alias_name, targets in ALIASES.items():
        alias = Alias.objects.create(name=alias_name, operation="chat")
        for priority, (provider_name, model_id) in enumerate(targets, start=1):
            model = AIModel.objects.create(
                provider=Provider.objects.get(slug=f"soak-{provider_name}"),
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
            AliasTarget.objects.create(alias=alias, model=model, priority=priority)


def issue() -> dict[str, str]:
    """Create the projects with limits and a hard budget, and a key for each."""
    from tenants.models import ApiKey, Budget, Limit, Organization, Project

    organization, _ = Organization.objects.get_or_create(slug="default")
    keys = {}
    for slug, (is_kept, requests) in PROJECTS.items():
        project = Project.objects.create(
            organization=organization,
            slug=slug,
            name=slug,
            cache={"enabled": is_kept, "ttl_s": 86_400},
        )
        for metric, amount, per in (
            ("requests", requests, "minute"),
            ("tokens", 1_000_000_000_000, "minute"),
            ("concurrency", 100_000, ""),
        ):
            Limit.objects.create(project=project, metric=metric, amount=amount, per=per)
        Budget.objects.create(project=project, amount_usd=Decimal(1_000_000))
        _, keys[slug] = ApiKey.issue(project, "soak")
    return keys


if __name__ == "__main__":
    main()
