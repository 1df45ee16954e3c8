from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from catalog.models import Provider, ProviderCheck
from tests.admin_pages import save, saved, text_of
from tests.factories import CredentialFactory
from tests.gateway.rows import make_provider

pytestmark = pytest.mark.django_db

PROVIDERS = "/admin/catalog/provider/"
CHECKS = "/admin/catalog/providercheck/"


def checked(provider: Provider, status: str, **fields: Any) -> ProviderCheck:
    return ProviderCheck.objects.create(provider=provider, status=status, **fields)


def test_the_list_tells_how_each_provider_did_last(admin_client: Client) -> None:
    for slug in ("good", "bad", "new"):
        CredentialFactory.create(provider=make_provider(slug))
    make_provider("keyless")
    make_provider("idle", active=False)
    good = Provider.objects.get(slug="good")
    checked(good, "failing", message="HTTP 500: long ago")
    checked(good, "ok", latency_ms=123)
    checked(Provider.objects.get(slug="bad"), "failing", message="HTTP 503: Busy.")

    page = admin_client.get(PROVIDERS)

    text = text_of(page)
    assert "123 ms" in text
    assert "HTTP 503: Busy." in text
    assert "long ago" not in text
    assert f"{CHECKS}?provider__id__exact={good.pk}" in page.content.decode()
    for state in ("failing", "missing", "configured", "off"):
        assert state in text


def test_the_history_is_one_link_away_and_cannot_be_edited(
    admin_client: Client,
) -> None:
    provider, other = make_provider(), make_provider("other")
    check = checked(provider, "failing", message="HTTP 503: Busy.")
    checked(other, "ok", latency_ms=77)

    page = admin_client.get(f"{CHECKS}?provider__id__exact={provider.pk}")

    assert "HTTP 503: Busy." in text_of(page)
    assert "77" not in [cell for cell in text_of(page).split() if cell == "77"]
    change = reverse("admin:catalog_providercheck_change", args=[check.pk])
    assert admin_client.get(change).status_code == 200
    assert admin_client.post(change, {"status": "ok"}).status_code == 403


@pytest.mark.parametrize(
    ("value", "advice"),
    [
        ("v1/models", "This is a path like /v1/models"),
        ("http://acme.example/v1", "an https address, or none"),
    ],
)
def test_what_cannot_be_asked_is_refused(
    admin_client: Client, value: str, advice: str
) -> None:
    provider = make_provider()
    page = reverse("admin:catalog_provider_change", args=[provider.pk])

    refused = save(admin_client, page, {"health_check": value})
    taken = save(admin_client, page, {"health_check": "/v1/key?x=1"})

    assert advice in text_of(refused)
    assert saved(taken), text_of(taken)
