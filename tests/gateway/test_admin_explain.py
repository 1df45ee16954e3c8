"""The admin's page that explains a route."""

import json
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from catalog.models import Alias, Provider
from tenants.models import Budget, EndUser, Organization, Project, Role
from tests.factories import (
    AIModelFactory,
    AliasFactory,
    AliasTargetFactory,
    CredentialFactory,
    EndpointFactory,
    PriceFactory,
    ProjectFactory,
    ProviderFactory,
)
from tests.people import person

BODY: dict[str, Any] = {"messages": [{"role": "user", "content": "Say hello."}]}
URL = "/admin/explain/"


@pytest.fixture(autouse=True)
def catalog(db: None) -> None:
    ProjectFactory.create(slug="acorn")
    alias = AliasFactory.create(name="fast")
    for slug, number in (("one", 1), ("two", 2)):
        provider = ProviderFactory.create(slug=slug)
        EndpointFactory.create(provider=provider)
        model = AIModelFactory.create(provider=provider, model_id=f"m{number}")
        PriceFactory.create(model=model)
        PriceFactory.create(model=model, component="output")
        AliasTargetFactory.create(alias=alias, model=model, priority=number)
    CredentialFactory.create(provider=provider)


def explained(client: Client, **fields: str) -> str:
    given = {"project": "acorn", "model": "fast", "body": json.dumps(BODY), **fields}
    response = client.post(URL, given)
    assert response.status_code == 200
    return response.content.decode()


def test_the_page_opens_with_a_sample_and_the_sidebar_leads_to_it(
    admin_client: Client,
) -> None:
    page = admin_client.get(URL).content.decode()

    assert "Say hello." in page
    assert f'href="{reverse("explain")}"' in page


def test_who_would_be_asked_and_who_was_dropped_is_shown(admin_client: Client) -> None:
    page = explained(admin_client)

    assert "two/m2" in page
    assert "not_configured" in page
    assert "one has no usable credential" in page
    assert "ordered by priority" in page


def test_a_refusal_is_shown(admin_client: Client) -> None:
    page = explained(admin_client, model="one/m1")

    assert "It would be refused with 503 no_healthy_candidate" in page


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"project": "nowhere"}, "There is no project of this slug."),
        ({"body": "{"}, "This is not JSON"),
        ({"body": "[]"}, "This must be a JSON object."),
        ({"body": "{}"}, "must be a list of at least one message"),
        ({"model": "nowhere"}, "There is no model or alias"),
    ],
)
def test_mistakes_are_named(
    admin_client: Client, fields: dict[str, str], complaint: str
) -> None:
    assert complaint in explained(admin_client, **fields)


def test_what_was_typed_is_shown_as_text(admin_client: Client) -> None:
    script = "<script>alert(1)</script>"

    page = explained(admin_client, model=script, body=json.dumps({**BODY, "x": script}))

    assert script not in page


def test_only_who_sees_a_project_has_it_explained() -> None:
    client = Client()
    elsewhere = Organization.objects.create(slug="elsewhere", name="Elsewhere")

    assert client.get(URL).status_code == 302
    client.force_login(person(Role.READ_ONLY, elsewhere))
    page = explained(client, project="acorn")

    assert "There is no project of this slug." in page


def test_who_is_too_dear_for_what_is_left_of_a_budget_is_dropped(
    admin_client: Client,
) -> None:
    project = Project.objects.get(slug="acorn")
    dear = AIModelFactory.create(
        provider=Provider.objects.get(slug="two"), model_id="dear"
    )
    for component in ("input", "output"):
        PriceFactory.create(model=dear, component=component, per_million=100_000)
    AliasTargetFactory.create(
        alias=Alias.objects.get(name="fast"), model=dear, priority=0
    )
    body = json.dumps({**BODY, "max_tokens": 100})
    before = explained(admin_client, body=body)

    Budget.objects.create(project=project, amount_usd=Decimal(1), mode="hard")
    after = explained(admin_client, body=body)

    assert "what is left of the budget does not cover it" not in before
    assert "what is left of the budget does not cover it" in after
    assert "two/m2" in after


def test_the_budget_of_the_end_user_that_is_named_counts(admin_client: Client) -> None:
    project = Project.objects.get(slug="acorn")
    dear = AIModelFactory.create(
        provider=Provider.objects.get(slug="two"), model_id="dear"
    )
    for component in ("input", "output"):
        PriceFactory.create(model=dear, component=component, per_million=100_000)
    AliasTargetFactory.create(
        alias=Alias.objects.get(name="fast"), model=dear, priority=0
    )
    user = EndUser.objects.create(project=project, external_id="ann")
    Budget.objects.create(
        project=project, end_user=user, amount_usd=Decimal(1), mode="hard"
    )

    ann, bob = (
        explained(
            admin_client,
            body=json.dumps({"prompt": "Say hello.", "maxTokens": 100, "userId": name}),
        )
        for name in ("ann", "bob")
    )

    assert "what is left of the budget does not cover it" in ann
    assert "what is left of the budget does not cover it" not in bob
