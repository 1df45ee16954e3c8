"""The providers as one project sees them: which it can use, for how much, and how they do."""

import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime

from catalog.protocols import Operation, served_by
from gateway.configuration.own_models import own_models
from gateway.configuration.records import (
    AliasRecord,
    Catalog,
    KeyRecord,
    LimitRecord,
    ModelRecord,
    ProjectRecord,
    ProviderRecord,
)
from gateway.model_lists import is_visible
from gateway.providers.health import Checked
from gateway.selection.choices import choice_for
from gateway.types import JSON
from usage.costs import Rate

# Out of the box it leads to a model of every provider.
_USUAL_ALIAS = "fast"
_PER = {0: "", 1: "PerSecond", 60: "PerMinute", 3_600: "PerHour", 86_400: "PerDay"}
_CHAT = frozenset(served_by(Operation.CHAT))
_USABLE = ("ok", "configured")


def provider_list(key: KeyRecord, catalog: Catalog) -> JSON:
    """Return the providers with a model that the project may use."""
    project = key.project
    limits = _limits((*project.limits, *key.limits))
    listed = []
    for provider, models in _offers(project, catalog):
        default = default_model_of(provider, project, catalog)
        listed.append(
            {
                "name": provider.slug,
                "displayName": provider.name,
                "isConfigured": is_configured(provider, project),
                "defaultModel": None if default is None else default.model_id,
                "capabilities": sorted({c for m in models for c in m.capabilities}),
                "estimatedCost": _estimated_cost(default),
                "rateLimits": limits,
            }
        )
    return {
        "total": len(listed),
        "active": sum(bool(each["isConfigured"]) for each in listed),
        "providers": listed,
    }


def health_report(
    project: ProjectRecord, catalog: Catalog, latest: Mapping[int, Checked]
) -> JSON:
    """Return how the project's providers did when they were last checked."""
    shown: dict[str, JSON] = {}
    for provider, _ in _offers(project, catalog):
        checked = latest.get(provider.id)
        status = _status(provider, project, checked)
        if checked is None or status == "missing":
            shown[provider.slug] = {
                "status": status,
                "latencyMs": None,
                "checkedAt": None,
            }
        else:
            shown[provider.slug] = {
                "status": status,
                "latencyMs": checked.latency_ms,
                "checkedAt": checked.checked_at.isoformat(),
            }
    usable = [slug for slug, each in shown.items() if each["status"] in _USABLE]
    is_failing = any(each["status"] == "failing" for each in shown.values())
    alias = _alias(project.default_alias, project, catalog)
    return {
        "overall": _overall(usable, is_failing=is_failing),
        "providers": shown,
        "routing": {
            "activeProviders": len(usable),
            "routingStrategy": "priority" if alias is None else alias.strategy,
            "providers": usable,
        },
    }


def is_configured(provider: ProviderRecord, project: ProjectRecord) -> bool:
    return (
        provider.auth_kind == "none"
        or bool(project.credentials.get(provider.id))
        or bool(provider.credentials)
    )


def default_model_of(
    provider: ProviderRecord, project: ProjectRecord, catalog: Catalog
) -> ModelRecord | None:
    """Return what the provider is asked for when a request names nothing else.

    That is its model behind the project's default alias, else behind the usual one,
    else the first that holds conversations.
    """
    for name in (project.default_alias, _USUAL_ALIAS):
        if _alias(name, project, catalog) is None:
            continue
        for model, _, _ in choice_for(name, project, catalog).members:
            if model.provider.id == provider.id and is_visible(model, project):
                return model
    models = [
        model
        for model in _visible(project, catalog)
        if model.provider.id == provider.id
    ]
    return min(models, key=_rank, default=None)


def provider_named(
    slug: str, project: ProjectRecord, catalog: Catalog
) -> ProviderRecord | None:
    """Return the provider if the project may know of it."""
    if (provider := catalog.providers.get(slug)) is not None:
        return provider
    for model in own_models(project, catalog).models.values():
        if model.provider.slug == slug:
            return model.provider
    return None


def _rank(model: ModelRecord) -> tuple[bool, bool, int]:
    retired = model.deprecated_on
    return (
        model.operations.isdisjoint(_CHAT),
        retired is not None and retired <= datetime.now(UTC).date(),
        model.id,
    )


def _offers(
    project: ProjectRecord, catalog: Catalog
) -> Iterator[tuple[ProviderRecord, list[ModelRecord]]]:
    """Yield the providers, each with its models that the project may use."""
    models: dict[int, list[ModelRecord]] = {}
    for model in _visible(project, catalog):
        models.setdefault(model.provider.id, []).append(model)
    for found in sorted(models.values(), key=lambda each: each[0].provider.slug):
        yield found[0].provider, found


def _visible(project: ProjectRecord, catalog: Catalog) -> Iterator[ModelRecord]:
    for index in (own_models(project, catalog), catalog):
        for model in index.models.values():
            if is_visible(model, project):
                yield model


def _status(
    provider: ProviderRecord, project: ProjectRecord, checked: Checked | None
) -> str:
    if not is_configured(provider, project):
        return "missing"
    if checked is None or not checked.is_recent:
        return "configured"
    if checked.is_about_key and project.credentials.get(provider.id):
        # The check was made with the platform's key, the project has its own.
        return "configured"
    return "ok" if checked.is_ok else "failing"


def _overall(usable: list[str], *, is_failing: bool) -> str:
    if not usable:
        return "down"
    return "degraded" if is_failing else "healthy"


def _alias(name: str, project: ProjectRecord, catalog: Catalog) -> AliasRecord | None:
    return project.aliases.get(name) or catalog.aliases.get(name)


def _estimated_cost(model: ModelRecord | None) -> JSON:
    sheet = None if model is None else model.sheet_at(time.time())
    rates = {} if sheet is None else sheet.tiers[-1].rates
    return {
        "inputPerMToken": _per_million(rates.get("input")),
        "outputPerMToken": _per_million(rates.get("output")),
    }


def _per_million(rate: Rate | None) -> float | None:
    return None if rate is None else float(rate.usd * 1_000_000)


def _limits(limits: Iterable[LimitRecord]) -> dict[str, int]:
    """Return the tightest amounts that bind the key, such as `requestsPerMinute`."""
    found: dict[str, int] = {}
    for limit in limits:
        name = limit.metric + _PER.get(limit.per_s, f"Per{limit.per_s}s")
        found[name] = min(limit.amount, found.get(name, limit.amount))
    return found
