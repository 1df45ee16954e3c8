"""The smallest records, as requests see the configuration."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from gateway.configuration.records import (
    AliasRecord,
    Catalog,
    CredentialRecord,
    EndpointRecord,
    ModelRecord,
    ProjectRecord,
    ProviderRecord,
    TargetRecord,
    Timeouts,
)
from gateway.types import InferenceRequest
from tenants.encryption import Secret
from usage.costs import price_sheet

NOTHING: Mapping[Any, Any] = MappingProxyType({})
ENDPOINT = EndpointRecord(
    id=1,
    operation="chat",
    pattern="/v1/chat/completions",
    handler="openai_chat",
    priority=10,
)
PROVIDER = ProviderRecord(
    id=1,
    slug="acme",
    name="Acme",
    base_url="https://api.acme.example",
    region="eu",
    auth_kind="bearer",
    auth_name="",
    headers=(),
    drop_params=frozenset(),
    rename_params=NOTHING,
    add_params=NOTHING,
    reports_cost=False,
    timeouts=Timeouts(1, 1, 1, 1),
    allow_private_addresses=False,
    endpoints={"chat": (ENDPOINT,)},
    credentials=(CredentialRecord(1, Secret("s3cr3t-of-acme")),),
)
PROJECT = ProjectRecord(
    id=12,
    slug="acorn",
    organization_id=1,
    default_alias="",
    cache=NOTHING,
    auto_approve_threshold_usd=None,
    allowed_regions=frozenset(),
    task_routes=NOTHING,
    allow_unpriced=False,
    strict_params=False,
    capture=False,
    capture_retention_days=30,
    capture_redactions=(),
    limits=(),
    aliases=NOTHING,
    aliases_by_pk=NOTHING,
    credentials=NOTHING,
)


def provider(slug: str, number: int, **changes: Any) -> ProviderRecord:
    return replace(PROVIDER, id=number, slug=slug, **changes)


def model(
    number: int,
    of: ProviderRecord = PROVIDER,
    *,
    usd: str | None = "1.00",
    **changes: Any,
) -> ModelRecord:
    """Return a model that costs so much for a million tokens, in or out."""
    prices: tuple[tuple[float, Any], ...] = ()
    if usd is not None:
        rate = Decimal(usd).scaleb(-6)
        rows = [(2 * number, "input", 0, rate), (2 * number + 1, "output", 0, rate)]
        prices = ((0.0, price_sheet(rows)),)
    record = ModelRecord(
        id=number,
        provider=of,
        model_id=f"m{number}",
        operations=frozenset({"chat"}),
        capabilities=frozenset({"text"}),
        context_window=None,
        max_output_tokens=None,
        expected_latency_ms=None,
        deprecated_on=None,
        prices=prices,
    )
    return replace(record, **changes)


def alias(
    name: str, *targets: TargetRecord, number: int = 1, **changes: Any
) -> AliasRecord:
    record = AliasRecord(
        id=number,
        name=name,
        operation="chat",
        strategy="priority",
        required_capabilities=frozenset(),
        region="",
        defaults=NOTHING,
        targets=targets,
    )
    return replace(record, **changes)


def target(
    of: ModelRecord | AliasRecord, priority: int = 1, weight: int = 100
) -> TargetRecord:
    if isinstance(of, AliasRecord):
        return TargetRecord(None, of.id, priority, weight)
    return TargetRecord(of.id, None, priority, weight)


def catalog(
    models: Sequence[ModelRecord], aliases: Sequence[AliasRecord] = ()
) -> Catalog:
    by_id: dict[str, tuple[ModelRecord, ...]] = {}
    for each in models:
        by_id[each.model_id] = (*by_id.get(each.model_id, ()), each)
    return Catalog(
        version=1,
        loaded_at=1.0,
        providers={each.provider.slug: each.provider for each in models},
        models={each.id: each for each in models},
        models_by_name={each.name: each for each in models},
        models_by_id=by_id,
        aliases={each.name: each for each in aliases},
        aliases_by_pk={each.id: each for each in aliases},
    )


def request(name: str, **changes: Any) -> InferenceRequest:
    return InferenceRequest(
        operation="chat",
        dialect="openai_chat",
        model=name,
        fields={},
        size=100,
        **changes,
    )
