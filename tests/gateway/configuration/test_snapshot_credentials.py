"""Which credentials the snapshot can present, and that others do it no harm."""

import logging

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from catalog.models import Credential, Provider
from gateway.configuration.catalog_loading import read_catalog
from gateway.configuration.records import CredentialRecord
from gateway.configuration.tenant_loading import read_keys
from tests.gateway.rows import make_key, make_project, make_provider

pytestmark = pytest.mark.django_db


@pytest.fixture
def provider() -> Provider:
    return make_provider()


def revealed(credentials: tuple[CredentialRecord, ...]) -> list[str]:
    return [each.secret.reveal() for each in credentials if each.secret is not None]


def sealed(provider: Provider, value: str, **fields: object) -> Credential:
    credential = Credential(provider=provider, **fields)
    credential.put(value)
    credential.save()
    return credential


def load_platform_credentials() -> list[str]:
    rows = read_catalog()
    return [value for found in rows.credentials.values() for value in revealed(found)]


def test_sealed_and_environment_credentials_are_opened(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACME_API_KEY", "from-the-environment")
    sealed(provider, "sealed-value")
    Credential.objects.create(provider=provider, name="env", env_name="ACME_API_KEY")

    assert load_platform_credentials() == ["sealed-value", "from-the-environment"]


def test_what_is_not_configured_not_active_or_quarantined_is_left_out(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ACME_API_KEY", raising=False)
    Credential.objects.create(provider=provider, name="env", env_name="ACME_API_KEY")
    sealed(provider, "off", name="off", active=False)
    sealed(provider, "bad", name="bad", quarantined_at=timezone.now())

    assert load_platform_credentials() == []


def test_a_credential_that_does_not_open_is_logged_and_left_out(
    provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    broken = sealed(provider, "never-shown")
    Credential.objects.filter(pk=broken.pk).update(sealed=b"\x01" + b"x" * 40)
    sealed(provider, "sound", name="sound")

    with caplog.at_level(logging.ERROR):
        assert load_platform_credentials() == ["sound"]

    assert "credential unreadable" in caplog.text
    assert "never-shown" not in caplog.text


def test_a_project_has_its_own_credentials_and_nobody_elses(provider: Provider) -> None:
    project, other = make_project("acorn"), make_project("birch")
    keys = [make_key(project), make_key(other)]
    sealed(provider, "of-acorn", project=project)
    sealed(provider, "of-the-platform")

    found = read_keys([key.key_id for key in keys], lambda _: None)

    first, second = (found[key.key_id].project for key in keys)
    assert revealed(first.credentials[provider.pk]) == ["of-acorn"]
    assert second.credentials == {}
    assert load_platform_credentials() == ["of-the-platform"]


def test_keys_are_read_in_a_handful_of_queries(
    provider: Provider, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    keys = [make_key(make_project(f"p{number}")) for number in range(20)]

    with django_assert_max_num_queries(9):
        found = read_keys([key.key_id for key in keys], lambda _: None)

    assert len(found) == 20


def test_the_catalog_is_read_in_a_handful_of_queries(
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    for number in range(10):
        sealed(make_provider(f"p{number}"), "secret")

    with django_assert_max_num_queries(11):
        rows = read_catalog()

    assert len(rows.providers) == 10
