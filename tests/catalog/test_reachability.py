import io
from collections.abc import Iterator

import httpx
import pytest
import respx
from django.core.management import call_command

from catalog.models import Credential, Endpoint, Provider
from catalog.reachability import Finding, check, probes

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def upstream() -> Iterator[respx.MockRouter]:
    """Every provider. A call that no test has arranged fails the test."""
    with respx.mock(assert_all_called=False) as router:
        yield router


@pytest.fixture
def acme(monkeypatch: pytest.MonkeyPatch) -> Provider:
    monkeypatch.setenv("ACME_API_KEY", "sk-acme")
    provider = Provider.objects.create(
        slug="acme",
        name="Acme",
        base_url="https://acme.test",
        handler="openai_chat",
        headers={"x-team": "a"},
    )
    Endpoint.objects.create(
        provider=provider, operation="chat", pattern="/openai/v1/chat/completions"
    )
    Credential.objects.create(provider=provider, env_name="ACME_API_KEY")
    return provider


def found() -> Finding:
    [finding] = check(probes())
    return finding


def test_the_list_of_models_is_asked_with_the_key(
    acme: Provider, upstream: respx.MockRouter
) -> None:
    route = upstream.get("https://acme.test/openai/v1/models").respond(json={})

    assert found().standing == "reachable"
    request = route.calls.last.request
    assert request.headers["authorization"] == "Bearer sk-acme"
    assert request.headers["x-team"] == "a"


@pytest.mark.parametrize(
    ("auth", "header", "query"),
    [
        ("header:x-api-key", "sk-acme", ""),
        ("query:key", "", "key=sk-acme"),
    ],
)
def test_the_key_goes_where_the_provider_wants_it(
    acme: Provider, upstream: respx.MockRouter, auth: str, header: str, query: str
) -> None:
    Provider.objects.update(auth=auth)
    route = upstream.get(url__startswith="https://acme.test/openai/v1/models").respond()

    assert found().standing == "reachable"
    request = route.calls.last.request
    assert request.headers.get("x-api-key", "") == header
    assert request.url.query.decode() == query


def test_a_provider_without_a_key_is_not_asked(
    acme: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ACME_API_KEY")

    assert found() == Finding("acme", "missing", found().standing, "set ACME_API_KEY")
    assert found().standing == "missing"


@pytest.mark.parametrize(
    ("status", "detail"),
    [(401, "the key is refused (HTTP 401)"), (302, "HTTP 302"), (503, "HTTP 503")],
)
def test_an_answer_that_is_no_success_is_failing(
    acme: Provider, upstream: respx.MockRouter, status: int, detail: str
) -> None:
    upstream.get("https://acme.test/openai/v1/models").respond(
        status, headers={"location": "https://elsewhere.test"}
    )

    assert (found().standing, found().detail) == ("failing", detail)


@pytest.mark.parametrize("error", [httpx.ConnectError, httpx.ReadTimeout])
def test_no_answer_is_failing(
    acme: Provider, upstream: respx.MockRouter, error: type[Exception]
) -> None:
    upstream.get("https://acme.test/openai/v1/models").mock(side_effect=error)

    assert found().standing == "failing"


def test_what_is_switched_off_is_not_asked(acme: Provider) -> None:
    Provider.objects.update(active=False)

    assert found().standing == "off"


def test_the_table_shows_no_key(acme: Provider, upstream: respx.MockRouter) -> None:
    upstream.get("https://acme.test/openai/v1/models").respond(json={})
    out = io.StringIO()

    call_command("check_providers", stdout=out)

    assert "acme      configured  reachable" in out.getvalue()
    assert "sk-acme" not in out.getvalue()
