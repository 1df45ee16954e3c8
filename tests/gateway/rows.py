"""The smallest valid configuration rows, and how a running test changes them."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeVar

from django.db import connection

from catalog.models import AIModel, Alias, AliasTarget, Endpoint, Price, Provider
from gateway.configuration.catalog_loading import newest_version
from gateway.configuration.snapshot import Snapshot
from tenants.models import ApiKey, Organization, Project

T = TypeVar("T")

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def make_provider(slug: str = "acme", **fields: Any) -> Provider:
    provider = Provider.objects.create(
        slug=slug,
        name=slug.title(),
        base_url=f"https://api.{slug}.example/",
        handler="openai_chat",
        **fields,
    )
    Endpoint.objects.create(
        provider=provider, operation="chat", pattern="/v1/chat/completions"
    )
    return provider


def make_model(provider: Provider, model_id: str = "large", **fields: Any) -> AIModel:
    return AIModel.objects.create(provider=provider, model_id=model_id, **fields)


def make_price(
    model: AIModel,
    component: str = "input",
    per_million: str = "2.00",
    *,
    valid_from: datetime = LONG_AGO,
    **fields: Any,
) -> Price:
    return Price.objects.create(
        model=model,
        component=component,
        per_million=Decimal(per_million),
        valid_from=valid_from,
        **fields,
    )


def make_alias(name: str, *models: AIModel, project: Project | None = None) -> Alias:
    alias = Alias.objects.create(name=name, project=project)
    for model in models:
        AliasTarget.objects.create(alias=alias, model=model)
    return alias


def make_project(slug: str = "acorn", **fields: Any) -> Project:
    organization, _ = Organization.objects.get_or_create(slug="default")
    return Project.objects.create(
        organization=organization, slug=slug, name=slug.title(), **fields
    )


def make_key(project: Project, **fields: Any) -> ApiKey:
    key, _ = ApiKey.issue(project, "test", **fields)
    return key


async def commit(work: Callable[[], T]) -> T:
    """Do the work in another thread, as another process would: committed, then gone."""

    def in_thread() -> T:
        try:
            return work()
        finally:
            connection.close()

    return await asyncio.to_thread(in_thread)


def run_sql(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


async def caught_up(snapshot: Snapshot) -> None:
    """Wait until the snapshot has heard of everything that was committed."""
    newest = await commit(newest_version)
    await seconds_until(
        lambda: snapshot.version >= newest and not snapshot._reloads.is_pending,
        at_most=2.0,
    )


async def seconds_until(condition: Callable[[], bool], *, at_most: float) -> float:
    """Wait for the condition and return how long it took; too long is a failure."""
    began = time.monotonic()
    while not condition():
        waited = time.monotonic() - began
        assert waited < at_most, f"not seen within {at_most} s"
        await asyncio.sleep(0.002)
    return time.monotonic() - began
