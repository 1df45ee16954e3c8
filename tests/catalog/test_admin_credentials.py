import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from catalog.models import Credential, Provider
from tenants.encryption import Secret
from tests.admin_pages import form_of, save, saved, text_of
from tests.gateway.rows import make_provider

pytestmark = pytest.mark.django_db

LIST = "/admin/catalog/credential/"
VALUE = "sk-live-abcdefghijklmnop-7890"


def page_of(credential: Credential) -> str:
    return reverse("admin:catalog_credential_change", args=[credential.pk])


def stored(provider: Provider) -> Credential:
    credential = Credential(provider=provider)
    credential.put(VALUE)
    credential.save()
    return credential


def revealed(credential: Credential) -> str:
    secret = Credential.objects.get(pk=credential.pk).reveal()
    assert isinstance(secret, Secret)
    return secret.reveal()


def test_a_value_is_sealed_and_its_last_four_shown(admin_client: Client) -> None:
    provider = make_provider()

    response = save(
        admin_client, f"{LIST}add/", {"provider": provider.pk, "value": VALUE}
    )

    credential = Credential.objects.get()
    assert saved(response), text_of(response)
    assert revealed(credential) == VALUE
    assert VALUE.encode() not in bytes(credential.sealed or b"")
    assert "stored, …7890" in text_of(admin_client.get(LIST))


def test_no_page_and_no_log_holds_the_value(admin_client: Client) -> None:
    credential = stored(make_provider())
    save(admin_client, page_of(credential), {"value": VALUE + "x"})

    pages = [LIST, page_of(credential), "/admin/pghistory/events/"]
    pages += [f"{LIST}{credential.pk}/history/"]
    pages += [f"/admin/catalog/provider/{credential.provider_id}/change/"]

    assert all(VALUE not in admin_client.get(url).content.decode() for url in pages)
    assert not LogEntry.objects.filter(change_message__contains=VALUE).exists()


def test_an_empty_value_keeps_what_is_stored(admin_client: Client) -> None:
    credential = stored(make_provider())

    assert form_of(admin_client, page_of(credential))["value"] == ""
    response = save(admin_client, page_of(credential), {"name": "renamed"})

    assert saved(response), text_of(response)
    assert revealed(credential) == VALUE


def test_a_refused_form_does_not_give_the_value_back(admin_client: Client) -> None:
    credential = stored(make_provider())

    response = save(
        admin_client, page_of(credential), {"value": VALUE, "env_name": "ACME_KEY"}
    )

    assert "Store a value or name a variable, not both" in text_of(response)
    assert VALUE not in response.content.decode()


def test_a_variable_takes_the_place_of_a_stored_value(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    credential = stored(make_provider())

    response = save(admin_client, page_of(credential), {"env_name": "ACME_KEY"})

    credential.refresh_from_db()
    assert saved(response), text_of(response)
    assert credential.sealed is None
    assert "missing" in text_of(admin_client.get(page_of(credential)))
    monkeypatch.setenv("ACME_KEY", "k")
    assert "configured" in text_of(admin_client.get(page_of(credential)))


@pytest.mark.parametrize("name", ["SECRET_KEY", "DATABASE_URL", "SIGNALBOX_KEK"])
def test_the_products_own_secrets_are_no_credentials(
    admin_client: Client, name: str
) -> None:
    provider = make_provider()

    response = save(
        admin_client, f"{LIST}add/", {"provider": provider.pk, "env_name": name}
    )

    assert f"{name} belongs to Signalbox itself" in text_of(response)


def test_a_value_of_several_lines_is_refused(admin_client: Client) -> None:
    credential = stored(make_provider())

    response = save(admin_client, page_of(credential), {"value": "a\r\nX-Evil: b"})

    assert "one line of printable ASCII" in text_of(response)


def test_a_quarantined_credential_is_released(admin_client: Client) -> None:
    credential = stored(make_provider())
    Credential.objects.update(quarantined_at=timezone.now())

    assert "quarantined" in text_of(admin_client.get(LIST))
    admin_client.post(
        LIST, {"action": "release_selected", "_selected_action": [credential.pk]}
    )

    assert Credential.objects.get().quarantined_at is None


def test_caps_are_set_on_the_page_and_are_at_least_one(admin_client: Client) -> None:
    credential = stored(make_provider())

    refused = save(admin_client, page_of(credential), {"requests_per_minute": "0"})
    done = save(
        admin_client,
        page_of(credential),
        {"requests_per_minute": "500", "max_concurrency": "20"},
    )

    assert not saved(refused)
    assert saved(done), text_of(done)
    credential.refresh_from_db()
    assert (credential.requests_per_minute, credential.max_concurrency) == (500, 20)
    assert credential.tokens_per_minute is None
