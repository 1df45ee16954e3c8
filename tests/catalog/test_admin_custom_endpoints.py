from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse

from catalog.models import Credential, CustomEndpoint, Endpoint, Price, Provider
from tenants.models import Project
from tests.admin_pages import save, saved, text_of
from tests.gateway.rows import make_project, make_provider

pytestmark = pytest.mark.django_db

ADD = "/admin/catalog/customendpoint/add/"
KEY = "sk-of-the-garage-0123456789"


@pytest.fixture
def project() -> Project:
    return make_project()


def fields(project: Project, **others: object) -> dict[str, object]:
    return {
        "project": project.pk,
        "name": "Garage",
        "base_url": "https://garage.example/v1",
        "model_id": "llama-9",
        "operations": ["chat", "embeddings"],
        **others,
    }


def test_one_form_makes_all_that_a_custom_endpoint_needs(
    admin_client: Client, project: Project
) -> None:
    response = save(
        admin_client,
        ADD,
        fields(
            project,
            key=KEY,
            context_window=8192,
            input_usd="0.10",
            output_usd="0",
        ),
    )

    assert saved(response), text_of(response)
    provider = Provider.objects.get()
    assert (provider.slug, provider.project) == ("acorn-garage", project)
    assert (provider.base_url, provider.auth) == ("https://garage.example", "bearer")
    assert {(e.operation, e.pattern) for e in Endpoint.objects.all()} == {
        ("chat", "/v1/chat/completions"),
        ("embeddings", "/v1/embeddings"),
    }
    model = provider.models.get()
    assert (model.model_id, model.project) == ("llama-9", project)
    assert (model.operations, model.context_window) == (["chat", "embeddings"], 8192)
    assert dict(Price.objects.values_list("component", "per_million")) == {
        "input": Decimal("0.10"),
        "output": Decimal(0),
    }
    credential = Credential.objects.get()
    assert credential.project == project
    secret = credential.reveal()
    assert secret is not None
    assert secret.reveal() == KEY


def test_its_key_is_shown_nowhere(admin_client: Client, project: Project) -> None:
    refused = save(admin_client, ADD, fields(project, key=KEY, base_url="garage"))
    made = save(admin_client, ADD, fields(project, key=KEY))
    page = reverse("admin:catalog_customendpoint_changelist")

    assert KEY not in refused.content.decode()
    assert saved(made)
    assert KEY not in admin_client.get(page).content.decode()


def test_an_endpoint_without_a_key_and_prices_has_none(
    admin_client: Client, project: Project
) -> None:
    response = save(
        admin_client, ADD, fields(project, base_url="http://10.0.0.7:8000/openai/v1/")
    )

    assert saved(response), text_of(response)
    assert Provider.objects.get().auth == "none"
    assert Endpoint.objects.first().pattern == "/openai/v1/chat/completions"  # type: ignore[union-attr]
    assert not Credential.objects.exists()
    assert not Price.objects.exists()


@pytest.mark.parametrize(
    ("field", "value", "advice"),
    [
        ("base_url", "garage.example", "A base URL looks like https://"),
        ("base_url", "https://garage.example/v1?x=1", "no query or fragment"),
        ("model_id", "", "This field is required"),
        ("project", "", "This field is required"),
        ("operations", None, "This field is required"),
        ("input_usd", "-1", "greater than or equal to 0"),
        ("key", "two\nlines", "one line"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_made(
    admin_client: Client, project: Project, field: str, value: object, advice: str
) -> None:
    response = save(admin_client, ADD, {**fields(project), field: value})

    assert advice in text_of(response)
    assert not Provider.objects.exists()


def test_two_endpoints_of_one_name_are_told_apart(
    admin_client: Client, project: Project
) -> None:
    for _ in range(2):
        assert saved(save(admin_client, ADD, fields(project)))

    assert set(Provider.objects.values_list("slug", flat=True)) == {
        "acorn-garage",
        "acorn-garage-2",
    }


def test_the_list_holds_the_projects_own_and_leads_to_the_provider(
    admin_client: Client, project: Project
) -> None:
    make_provider("everybodys")
    save(admin_client, ADD, fields(project))

    shown = text_of(admin_client.get("/admin/catalog/customendpoint/"))
    row = CustomEndpoint.objects.get()
    page = reverse("admin:catalog_customendpoint_change", args=[row.pk])

    assert "acorn-garage" in shown
    assert "everybodys" not in shown
    assert admin_client.get(page).headers["location"] == (
        f"/admin/catalog/provider/{row.pk}/change/"
    )
