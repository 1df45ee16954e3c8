"""Credentials go in, and never come out."""

from collections.abc import Iterator

import pytest

from catalog.models import Credential, Provider, ProviderCheck
from gateway.simulator import Simulator
from tenants.models import EndUser, Project
from tests.factories import CredentialFactory, EndpointFactory, ProviderFactory
from tests.gateway.control.calling import Caller
from tests.gateway.scripted_upstream import ScriptedUpstream

pytestmark = pytest.mark.django_db

SECRET = "sk-acme-0123456789-abcdef"


@pytest.fixture
def scripted() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as upstream:
        yield upstream


@pytest.fixture
def provider(project: Project) -> Provider:
    return ProviderFactory.create(slug="own", project=project)


def value_of(credential: Credential) -> str:
    secret = credential.reveal()
    return "" if secret is None else secret.reveal()


def test_a_value_is_sealed_and_never_answered(
    operator: Caller, provider: Provider
) -> None:
    answers = [
        operator.post(
            "credentials/", {"provider": "own", "project": "acorn", "value": SECRET}
        )
    ]
    credential = Credential.objects.get()
    path = f"credentials/{credential.pk}/"
    answers += [
        operator.get(path),
        operator.get("credentials/"),
        operator.patch(path, {"active": False}),
        operator.post(f"{path}release/"),
        operator.get("audit/?model=catalog.credential"),
        operator.patch(path, {"value": f"{SECRET}\n{SECRET}"}),
        operator.patch(path, {"value": f"{SECRET}é", "nmae": SECRET}),
    ]

    assert answers[0].status_code == 201
    assert answers[0].json()["last_four"] == SECRET[-4:]
    assert answers[0].json()["source"] == f"stored, …{SECRET[-4:]}"
    assert [a.status_code for a in answers[-2:]] == [400, 400]
    for answer in answers:
        assert SECRET not in answer.content.decode()
        assert SECRET[:12] not in answer.content.decode()
        assert "sealed" not in answer.content.decode()
    assert value_of(credential) == SECRET


def test_a_new_value_replaces_the_old_one_and_ends_the_quarantine(
    operator: Caller, provider: Provider
) -> None:
    credential = CredentialFactory.create(provider=provider, project=provider.project)
    Credential.objects.update(quarantined_at="2026-01-01T00:00Z")
    path = f"credentials/{credential.pk}/"
    assert operator.get(path).json()["state"] == "quarantined"

    answer = operator.patch(path, {"value": SECRET})

    assert answer.json()["state"] == "configured"
    assert value_of(Credential.objects.get()) == SECRET


def test_a_value_that_is_left_out_stays(operator: Caller, provider: Provider) -> None:
    CredentialFactory.create(provider=provider, project=provider.project, value=SECRET)
    row = operator.get("credentials/").json()["results"][0]

    answer = operator.put(f"credentials/{row['id']}/", row)

    assert answer.status_code == 200
    assert value_of(Credential.objects.get()) == SECRET


def test_a_variable_takes_the_place_of_a_value(
    platform: Caller, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACME_API_KEY", SECRET)
    credential = CredentialFactory.create(provider=provider)
    path = f"credentials/{credential.pk}/"

    answer = platform.patch(path, {"env_name": "ACME_API_KEY"})
    own = platform.patch(path, {"env_name": "SECRET_KEY"})
    both = platform.patch(path, {"env_name": "ACME_API_KEY", "value": "x" * 20})

    assert answer.json()["source"] == "environment variable ACME_API_KEY"
    assert answer.json()["last_four"] == ""
    assert "belongs to Signalbox itself" in own.json()["error"]["message"]
    assert both.status_code == 400
    assert SECRET not in answer.content.decode()


def test_an_end_user_brings_a_credential_and_an_address(
    operator: Caller, provider: Provider, project: Project
) -> None:
    user = EndUser.objects.create(project=project, external_id="u")
    body = {
        "provider": "own",
        "project": "acorn",
        "end_user": user.pk,
        "value": SECRET,
        "base_url": "https://ada.openai.example",
        "deployments": {"gpt-4o": "mine"},
    }

    made = operator.post("credentials/", body)
    private = operator.post(
        "credentials/", {**body, "name": "two", "base_url": "https://10.0.0.1"}
    )

    assert made.status_code == 201
    assert value_of(Credential.objects.get()) == SECRET
    assert "private address" in private.json()["error"]["message"]


def test_a_credential_is_tested_at_its_provider(
    platform: Caller, scripted: ScriptedUpstream
) -> None:
    provider = ProviderFactory.create(
        base_url=scripted.url, allow_private_addresses=True
    )
    EndpointFactory.create(provider=provider)
    credential = CredentialFactory.create(provider=provider, value=SECRET, active=False)
    scripted.says(
        b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    )

    answer = platform.post(f"credentials/{credential.pk}/test/")

    assert answer.status_code == 200
    assert answer.json()["standing"] == "failing"
    assert answer.json()["http_status"] == 401
    assert f"Bearer {SECRET}" in scripted.said[0].request.decode()
    assert not ProviderCheck.objects.exists()


def test_a_credential_without_a_value_is_said_to_be_missing(platform: Caller) -> None:
    credential = Credential.objects.create(
        provider=ProviderFactory.create(), env_name="NOT_SET_ANYWHERE"
    )

    answer = platform.post(f"credentials/{credential.pk}/test/")

    assert answer.json()["standing"] == "missing"
    assert answer.json()["detail"] == "set NOT_SET_ANYWHERE"


def test_a_provider_is_checked_and_that_is_kept(
    platform: Caller, upstream: Simulator
) -> None:
    provider = ProviderFactory.create(
        base_url=upstream.url, allow_private_addresses=True
    )
    EndpointFactory.create(provider=provider)
    CredentialFactory.create(provider=provider)

    answer = platform.post(f"providers/{provider.pk}/check/")

    assert answer.json()["standing"] == "ok"
    assert ProviderCheck.objects.get().provider == provider
