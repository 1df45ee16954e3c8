"""Entries are selected by their likeness to the question, where a project wants that."""

from unittest.mock import patch

import httpx
import pytest
from django.core.exceptions import ValidationError
from django.db import connection

from catalog.models import Provider
from gateway.context.entry_vectors import embed_entries, pending
from gateway.simulator import Simulator
from tenants.context import vectors
from tenants.models import ContextEntry, ContextScope, Project
from tests.factories import AliasFactory, AliasTargetFactory, EndpointFactory
from tests.gateway.conftest import Offer, offered_model
from tests.gateway.context.test_live_context import ask, heard, keep
from tests.gateway.live import LiveGateway
from usage.models import UsageEvent

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def alike(provider: Provider, project: Project) -> ContextScope:
    """A scope that selects by similarity, and what makes vectors."""
    EndpointFactory.create(
        provider=provider,
        operation="embeddings",
        pattern="/v1/embeddings",
        handler="openai_embeddings",
    )
    model = offered_model(provider, "sim-embed")
    model.operations = ["embeddings"]
    model.save()
    alias = AliasFactory.create(name="embed", operation="embeddings")
    AliasTargetFactory.create(alias=alias, model=model)
    scope = ContextScope(
        project=project,
        name="alike",
        kinds=[{"kind": "*", "days": None, "max_entries": 1}],
        selection="similar",
        template="{{entries}}",
        entry_template="{{content}}",
    )
    scope.full_clean()
    scope.save()
    return scope


def test_the_entry_that_is_most_like_the_question_is_told(
    live: LiveGateway,
    http: httpx.Client,
    offer: Offer,
    upstream: Simulator,
    project: Project,
    alike: ContextScope,
) -> None:
    offer("sim-chat")
    keep(project, "Hello", "something else", "the newest")
    live.caught_up()
    assert embed_entries(pending()) == 3
    assert pending() == []

    assert ask(live, http, context="alike").status_code == 200

    # The same text has the same vector.
    assert heard(upstream)["messages"][0]["content"] == "Hello"
    live.settled()
    assert set(
        UsageEvent.objects.filter(operation="embeddings").values_list(
            "feature", flat=True
        )
    ) == {"context"}
    entry = ContextEntry.objects.first()
    assert entry is not None
    assert entry.embedded_with == "sim/sim-embed"


def test_without_a_vector_the_newest_entry_is_told(
    live: LiveGateway,
    http: httpx.Client,
    offer: Offer,
    upstream: Simulator,
    project: Project,
    alike: ContextScope,
) -> None:
    offer("sim-chat")
    keep(project, "old", "new")
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM catalog_aliastarget WHERE alias_id IN "
            "(SELECT id FROM catalog_alias WHERE name = 'embed')"
        )

    assert ask(live, http, context="alike").status_code == 200

    assert heard(upstream)["messages"][0]["content"] == "new"


@pytest.mark.django_db
def test_a_missing_extension_is_told_of(project: Project) -> None:
    scope = ContextScope(project=project, name="alike", selection="similar")

    with (
        patch.object(vectors, "is_available", return_value=False),
        pytest.raises(ValidationError, match="pgvector"),
    ):
        scope.full_clean()
