import pytest
from django.test import Client
from django.urls import reverse

from catalog.models import Endpoint, Provider
from tenants.models import Project, Role
from tests.admin_pages import save, saved, text_of
from tests.factories import ProjectFactory, ProviderFactory
from tests.gateway.rows import make_alias, make_model, make_provider
from tests.people import person

pytestmark = pytest.mark.django_db

LIST = "/admin/catalog/provider/"


def page_of(provider: Provider) -> str:
    return reverse("admin:catalog_provider_change", args=[provider.pk])


def add_endpoint(client: Client, provider: Provider, **fields: object) -> object:
    values = {"operation": "chat", "priority": 10, "active": "on", **fields}
    added = {f"endpoints-1-{name}": value for name, value in values.items()}
    return save(client, page_of(provider), {**added, "endpoints-TOTAL_FORMS": 2})


def test_a_provider_and_its_endpoint_are_made_on_one_page(admin_client: Client) -> None:
    response = save(
        admin_client,
        f"{LIST}add/",
        {
            "name": "Acme AI",
            "slug": "acme",
            "base_url": "https://api.acme.example",
            "handler": "openai_chat",
            "endpoints-TOTAL_FORMS": 1,
            "endpoints-0-operation": "chat",
            "endpoints-0-pattern": "/v1/chat/completions",
            "endpoints-0-priority": 10,
            "endpoints-0-active": "on",
        },
    )

    assert saved(response), text_of(response)
    assert Provider.objects.get().headers == {}
    assert Endpoint.objects.get().pattern == "/v1/chat/completions"


@pytest.mark.parametrize(
    ("field", "value", "advice"),
    [
        ("base_url", "api.acme.example", "A base URL looks like https://"),
        ("handler", "os.system", "not one of the available choices"),
        ("auth", "magic", "Use bearer, header:<name>"),
        ("headers", "[1]", "Headers are an object"),
        ("drop_params", '{"a": 1}', "This is a list of names"),
        ("connect_timeout_s", "0", "greater than or equal to 0.1"),
    ],
)
def test_what_is_wrong_is_refused_with_advice(
    admin_client: Client, field: str, value: str, advice: str
) -> None:
    provider = make_provider()

    response = save(admin_client, page_of(provider), {field: value})

    assert advice in text_of(response)


@pytest.mark.parametrize(
    ("pattern", "advice"),
    [
        ("v1/chat", "A pattern starts with a slash"),
        ("/v1/{engine}", "is no placeholder; there are {model}"),
        ("/v1/(.*)+", "it is no regular expression"),
    ],
)
def test_a_bad_pattern_is_refused(
    admin_client: Client, pattern: str, advice: str
) -> None:
    response = add_endpoint(admin_client, make_provider(), pattern=pattern)

    assert advice in text_of(response)


def test_patterns_that_match_the_same_path_need_different_priorities(
    admin_client: Client,
) -> None:
    provider = make_provider()

    refused = add_endpoint(admin_client, provider, pattern="/v1/chat/{model}")
    taken = add_endpoint(
        admin_client, provider, pattern="/v1/chat/{model}", priority=20
    )

    assert "give one of them another priority" in text_of(refused)
    assert saved(taken), text_of(taken)


def test_an_endpoint_of_its_own_page_must_not_overlap_either(
    admin_client: Client,
) -> None:
    provider = make_provider()
    second = Endpoint.objects.create(
        provider=provider, operation="chat", pattern="/v1/chat/{model}", priority=20
    )

    response = save(
        admin_client,
        reverse("admin:catalog_endpoint_change", args=[second.pk]),
        {"priority": 10},
    )

    assert "give one of them another priority" in text_of(response)


def test_the_only_provider_behind_an_alias_is_not_deactivated(
    admin_client: Client,
) -> None:
    provider = make_provider()
    make_alias("fast", make_model(provider))

    refused = save(admin_client, page_of(provider), {"active": None})
    from_list = admin_client.post(
        LIST,
        {"action": "deactivate_selected", "_selected_action": [provider.pk]},
        follow=True,
    )

    advice = "Without acme these aliases would lead nowhere: fast"
    assert advice in text_of(refused)
    assert advice in text_of(from_list)
    assert Provider.objects.get().active


def test_a_provider_with_a_stand_in_is_deactivated(admin_client: Client) -> None:
    provider = make_provider()
    make_alias("fast", make_model(provider), make_model(make_provider("other")))

    response = save(admin_client, page_of(provider), {"active": None})

    assert saved(response), text_of(response)
    assert not Provider.objects.get(slug="acme").active


def test_a_provider_in_use_is_not_deleted_and_its_models_are_named(
    admin_client: Client,
) -> None:
    provider = make_provider()
    model = make_model(provider)

    response = admin_client.post(f"{LIST}{provider.pk}/delete/", {"post": "yes"})

    assert f"/admin/catalog/aimodel/{model.pk}/change/" in response.content.decode()
    assert "acme is in use and cannot be deleted" in text_of(response)
    assert Provider.objects.exists()


def test_deleting_a_selection_in_use_is_refused_likewise(admin_client: Client) -> None:
    provider = make_provider()
    make_model(provider)

    response = admin_client.post(
        LIST,
        {"action": "delete_selected", "_selected_action": [provider.pk], "post": "yes"},
    )

    assert "The selection is in use" in text_of(response)
    assert Provider.objects.exists()


@pytest.mark.parametrize("everywhere", [True, False])
def test_an_address_that_may_be_private_is_moved_by_the_installation_alone(
    client: Client, everywhere: bool
) -> None:
    project: Project = ProjectFactory.create()
    provider: Provider = ProviderFactory.create(
        project=project, base_url="http://10.0.0.7:8000", allow_private_addresses=True
    )
    where = None if everywhere else project.organization
    client.force_login(person(Role.OWNER, where))

    save(client, page_of(provider), {"base_url": "http://10.0.0.1"})

    provider.refresh_from_db()
    assert (provider.base_url == "http://10.0.0.1") == everywhere
