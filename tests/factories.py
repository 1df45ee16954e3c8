"""The smallest valid rows. What a test is about is written in the test."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import factory
from factory.django import DjangoModelFactory

from catalog.models import (
    AIModel,
    Alias,
    AliasTarget,
    Credential,
    Endpoint,
    Price,
    Provider,
)
from tenants.models import ApiKey, Limit, Organization, Project

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


class OrganizationFactory(DjangoModelFactory[Organization]):
    class Meta:
        model = Organization
        django_get_or_create = ("slug",)

    slug = "default"
    name = "Default"


class ProjectFactory(DjangoModelFactory[Project]):
    class Meta:
        model = Project

    organization = factory.SubFactory(OrganizationFactory)
    slug = factory.Sequence(lambda number: f"project-{number}")
    name = factory.LazyAttribute(lambda project: project.slug.title())
    # A test that asks twice means it.
    cache = factory.LazyFunction(lambda: {"enabled": False, "ttl_s": 86_400})


class ApiKeyFactory(DjangoModelFactory[ApiKey]):
    """A key whose text nobody knows; `ApiKey.issue` is for those that are used."""

    class Meta:
        model = ApiKey

    project = factory.SubFactory(ProjectFactory)
    name = "test"

    @classmethod
    def _create(cls, model_class: type[ApiKey], *args: Any, **fields: Any) -> ApiKey:
        key, _ = model_class.issue(*args, **fields)
        return key


class LimitFactory(DjangoModelFactory[Limit]):
    class Meta:
        model = Limit

    project = factory.SubFactory(ProjectFactory)
    metric = Limit.Metric.REQUESTS
    amount = 1_000
    per = factory.LazyAttribute(
        lambda limit: "" if limit.metric == Limit.Metric.CONCURRENCY else "minute"
    )


class ProviderFactory(DjangoModelFactory[Provider]):
    class Meta:
        model = Provider

    slug = factory.Sequence(lambda number: f"provider-{number}")
    name = factory.LazyAttribute(lambda provider: provider.slug.title())
    base_url = "https://api.provider.example"
    handler = "openai_chat"


class EndpointFactory(DjangoModelFactory[Endpoint]):
    class Meta:
        model = Endpoint

    provider = factory.SubFactory(ProviderFactory)
    operation = "chat"
    pattern = "/v1/chat/completions"


class CredentialFactory(DjangoModelFactory[Credential]):
    """`value` is what is sealed."""

    class Meta:
        model = Credential

    provider = factory.SubFactory(ProviderFactory)
    value = "sk-test-credential-0123456789"

    @classmethod
    def _create(
        cls, model_class: type[Credential], *args: Any, **fields: Any
    ) -> Credential:
        value = fields.pop("value")
        credential = model_class(*args, **fields)
        credential.put(value)
        credential.save()
        return credential


class AIModelFactory(DjangoModelFactory[AIModel]):
    class Meta:
        model = AIModel

    provider = factory.SubFactory(ProviderFactory)
    model_id = factory.Sequence(lambda number: f"model-{number}")


class PriceFactory(DjangoModelFactory[Price]):
    class Meta:
        model = Price

    model = factory.SubFactory(AIModelFactory)
    component = "input"
    per_million = Decimal("1.00")
    valid_from = LONG_AGO


class AliasFactory(DjangoModelFactory[Alias]):
    """An alias for all projects."""

    class Meta:
        model = Alias

    name = factory.Sequence(lambda number: f"alias-{number}")
    project = None


class AliasTargetFactory(DjangoModelFactory[AliasTarget]):
    class Meta:
        model = AliasTarget

    alias = factory.SubFactory(AliasFactory)
    model = factory.SubFactory(AIModelFactory)
