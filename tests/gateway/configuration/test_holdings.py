"""What a project has no rows of is not asked for, and what it has is found."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from gateway.configuration.holdings import Holdings, read_holdings
from gateway.configuration.tenant_loading import read_keys
from tenants.models import Budget, ContextScope, Project
from tests.factories import (
    AIModelFactory,
    AliasFactory,
    CredentialFactory,
    LimitFactory,
    ProjectFactory,
    ProviderFactory,
)
from tests.gateway.rows import make_key

pytestmark = pytest.mark.django_db

NOTHING = Holdings(*[False] * len(Holdings._fields))


def budget_of_organization(project: Project) -> Budget:
    return Budget.objects.create(
        organization=project.organization, amount_usd=Decimal(1)
    )


def scope(project: Project) -> ContextScope:
    return ContextScope.objects.create(project=project, name="day", kinds={"mood": 1})


ROWS: dict[str, tuple[str, Callable[[Project], Any]]] = {
    "a limit": ("limits", lambda it: LimitFactory.create(project=it)),
    "an alias": ("aliases", lambda it: AliasFactory.create(project=it)),
    "a credential": ("credentials", lambda it: CredentialFactory.create(project=it)),
    "a model": ("own_models", lambda it: AIModelFactory.create(project=it)),
    "a provider": ("own_models", lambda it: ProviderFactory.create(project=it)),
    "a budget": (
        "budgets",
        lambda it: Budget.objects.create(project=it, amount_usd=Decimal(1)),
    ),
    "a budget of its organization": ("budgets", budget_of_organization),
    "a scope": ("context_scopes", scope),
}


@pytest.mark.parametrize("name", ROWS)
def test_what_a_project_has_is_found_and_not_what_others_have(name: str) -> None:
    kind, make = ROWS[name]
    ours = ProjectFactory.create(slug="acorn", organization__slug="ours")
    theirs = ProjectFactory.create(slug="birch", organization__slug="theirs")

    make(theirs)

    assert read_holdings([ours.pk]) == NOTHING
    expected = NOTHING._replace(**{kind: True})
    assert read_holdings([theirs.pk]) == expected
    assert read_holdings([ours.pk, theirs.pk]) == expected


def test_the_key_of_a_plain_project_takes_three_statements() -> None:
    key = make_key(ProjectFactory.create())

    with CaptureQueriesContext(
        connection,
    ) as statements:
        found = read_keys([key.key_id], lambda _: None)

    assert found[key.key_id].project.id == key.project_id
    assert len(statements) == 3


def test_a_key_that_nobody_has_takes_one_statement() -> None:
    with CaptureQueriesContext(connection) as statements:
        assert read_keys(["0" * 16], lambda _: None) == {}

    assert len(statements) == 1
