"""Health checks for real: the task, the table and the command, against the simulator."""

import io
import socket
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from catalog.models import Credential, Endpoint, Provider, ProviderCheck
from gateway.providers import health_requests
from gateway.providers.checks import KEPT, check_all, check_due, trim
from gateway.simulator import Simulator
from gateway.tasks import check_providers
from tenants.models import Project
from tests.factories import (
    CredentialFactory,
    EndpointFactory,
    ProjectFactory,
    ProviderFactory,
)
from tests.gateway.scripted_upstream import ScriptedUpstream

pytestmark = pytest.mark.django_db

SECRET = "acme-0123456789-abcdef"


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.providers.checks._JITTER_S", 0.0)


@pytest.fixture
def scripted() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as upstream:
        yield upstream


def provider_at(url: str, slug: str = "acme", **fields: object) -> Provider:
    provider = ProviderFactory.create(
        slug=slug, base_url=url, allow_private_addresses=True, **fields
    )
    EndpointFactory.create(provider=provider)
    CredentialFactory.create(provider=provider, value=SECRET)
    return provider


def says(upstream: ScriptedUpstream, status: str, body: bytes = b"") -> None:
    head = f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\nconnection: close"
    upstream.says(head.encode() + b"\r\n\r\n" + body)


def last_check(slug: str = "acme") -> ProviderCheck:
    return ProviderCheck.objects.filter(provider__slug=slug).latest("checked_at")


def test_the_task_keeps_what_each_provider_answered(
    upstream: Simulator, scripted: ScriptedUpstream
) -> None:
    provider_at(upstream.url, "good")
    provider_at(scripted.url, "bad")
    says(scripted, "503 Unavailable", b'{"error": {"message": "Try later."}}')

    check_providers.apply(throw=True)

    good, bad = last_check("good"), last_check("bad")
    assert (good.status, good.http_status, good.message) == ("ok", 200, "")
    assert good.latency_ms is not None
    assert (bad.status, bad.http_status) == ("failing", 503)
    assert bad.message == "HTTP 503: Try later."


@pytest.mark.parametrize(
    ("auth", "shown"),
    [
        ("bearer", f"authorization: Bearer {SECRET}"),
        ("header:x-api-key", f"x-api-key: {SECRET}"),
        ("query:key", f"GET /v1/models?key={SECRET} HTTP/1.1"),
    ],
)
def test_the_key_goes_where_the_provider_wants_it(
    scripted: ScriptedUpstream, auth: str, shown: str
) -> None:
    provider_at(scripted.url, auth=auth, headers={"x-team": "a"})
    says(scripted, "200 OK", b"{}")

    check_due()

    asked = scripted.said[0].request.decode().lower()
    assert asked.startswith("get /v1/models")
    assert shown.lower() in asked
    assert "x-team: a" in asked


def test_a_slow_provider_is_failing(
    scripted: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health_requests, "TIMEOUT_S", 0.1)
    provider_at(scripted.url)
    scripted.says(stay=True)

    check_due()

    check = last_check()
    assert (check.status, check.http_status) == ("failing", None)
    assert check.message == "no answer within 0.1 s"


def test_who_has_no_turn_in_time_is_left_out(
    scripted: ScriptedUpstream, upstream: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.providers.checks._TOTAL_S", 0.5)
    provider_at(scripted.url, "slow")
    provider_at(upstream.url, "quick")
    scripted.says(stay=True)

    assert check_due() == 1
    assert last_check("quick").status == "ok"


def test_nobody_there_is_failing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    provider_at(f"http://127.0.0.1:{port}")

    check_due()

    assert last_check().message == "it cannot be connected to"


def test_a_private_address_is_not_asked_unless_allowed(
    scripted: ScriptedUpstream,
) -> None:
    provider_at(scripted.url)
    Provider.objects.update(allow_private_addresses=False)

    check_due()

    assert last_check().status == "failing"
    assert "private address" in last_check().message
    assert not scripted.said


def test_a_redirect_is_not_followed(scripted: ScriptedUpstream) -> None:
    provider_at(scripted.url)
    scripted.says(
        b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\n"
        b"content-length: 0\r\nconnection: close\r\n\r\n"
    )

    check_due()

    assert (last_check().status, last_check().message) == ("failing", "HTTP 302")
    assert len(scripted.said) == 1


def test_a_refused_key_is_told_from_an_outage(scripted: ScriptedUpstream) -> None:
    provider_at(scripted.url)
    says(scripted, "401 Unauthorized", b'{"error": {"message": "Bad key."}}')

    check_due()

    assert last_check().is_about_key
    assert last_check().message == "the key is refused (HTTP 401)"


@pytest.mark.parametrize("status", ["401 Unauthorized", "400 Bad", "500 Broken"])
def test_a_provider_that_repeats_the_key_does_not_get_it_stored(
    scripted: ScriptedUpstream, status: str
) -> None:
    provider_at(scripted.url)
    says(scripted, status, b'{"error": {"message": "No: %b\\n!"}}' % SECRET.encode())

    check_due()

    assert last_check().status == "failing"
    assert SECRET not in last_check().message
    assert "0123456789" not in last_check().message


def test_no_part_of_a_credential_of_several_parts_is_stored(
    scripted: ScriptedUpstream,
) -> None:
    provider_at(scripted.url)
    Credential.objects.all().delete()
    secret = '{"access_key_id": "AKIAEXAMPLE", "secret_access_key": "abc/def+ghi"}'
    CredentialFactory.create(provider=Provider.objects.get(), value=secret)
    says(scripted, "500 Broken", b'{"message": "AKIAEXAMPLE with abc/def+ghi"}')

    check_due()

    assert last_check().message == "HTTP 500: [redacted] with [redacted]"


def test_only_what_has_a_key_and_is_active_is_asked(
    scripted: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ACME_API_KEY", raising=False)
    provider_at(scripted.url, "off", active=False)
    provider_at(scripted.url, "never", health_check="none")
    without = provider_at(scripted.url, "without")
    without.credentials.all().delete()
    Credential.objects.create(provider=without, env_name="ACME_API_KEY")

    assert check_due() == 0
    assert not scripted.said


def test_a_key_in_the_environment_is_enough(
    upstream: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACME_API_KEY", SECRET)
    provider = provider_at(upstream.url)
    provider.credentials.all().delete()
    Credential.objects.create(provider=provider, env_name="ACME_API_KEY")

    assert check_due() == 1


def test_a_private_provider_is_asked_with_its_owners_key(
    scripted: ScriptedUpstream, project: Project, other_project: Project
) -> None:
    provider = provider_at(scripted.url, project=project)
    provider.credentials.all().delete()
    for owner, value in ((other_project, "not-this-one"), (project, SECRET)):
        CredentialFactory.create(provider=provider, project=owner, value=value)
    says(scripted, "200 OK", b"{}")

    check_due()

    assert SECRET.encode() in scripted.said[0].request


def test_a_tenants_key_is_not_used_for_a_shared_provider(
    scripted: ScriptedUpstream, project: Project
) -> None:
    provider = provider_at(scripted.url)
    provider.credentials.all().delete()
    CredentialFactory.create(provider=provider, project=project)

    assert check_due() == 0
    assert not scripted.said


def test_one_worker_at_a_time(upstream: Simulator) -> None:
    provider_at(upstream.url)
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute(
                "SELECT pg_advisory_lock("
                "hashtextextended('gateway.providers.checks', 0))"
            )
            assert check_due() == 0
            cursor.execute("SELECT pg_advisory_unlock_all()")
    finally:
        other.close()

    assert check_due() == 1


def test_a_second_beat_asks_nobody_again(upstream: Simulator) -> None:
    provider_at(upstream.url)

    assert [check_due(), check_due()] == [1, 0]


def test_old_checks_go_and_the_newest_stays() -> None:
    provider = ProviderFactory.create()
    for age in (3, 2, 1):
        ProviderCheck.objects.create(
            provider=provider,
            status="ok",
            checked_at=timezone.now() - KEPT - timedelta(days=age),
        )

    assert trim() == 2
    assert ProviderCheck.objects.count() == 1


def test_the_command_tells_how_every_provider_stands(
    upstream: Simulator,
    scripted: ScriptedUpstream,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("ACME_API_KEY", raising=False)
    provider_at(upstream.url, "good")
    provider_at(scripted.url, "bad")
    says(scripted, "401 Unauthorized")
    provider_at(upstream.url, "idle", active=False)
    missing = provider_at(upstream.url, "keyless")
    missing.credentials.all().delete()
    Credential.objects.create(provider=missing, env_name="ACME_API_KEY")
    out = io.StringIO()

    call_command("check_providers", stdout=out)

    lines = {line.split()[0]: line.split() for line in out.getvalue().splitlines()}
    assert lines["good"][1:3] == ["configured", "ok"]
    assert " ".join(lines["bad"][1:]) == (
        "configured failing the key is refused (HTTP 401)"
    )
    assert lines["idle"][1:] == ["off"]
    assert " ".join(lines["keyless"][1:]) == "missing missing set ACME_API_KEY"
    assert SECRET not in out.getvalue()
    assert last_check("good").status == "ok"


def test_a_provider_without_endpoints_is_configured_and_not_asked(
    upstream: Simulator,
) -> None:
    provider_at(upstream.url)
    Endpoint.objects.all().delete()

    (finding,) = check_all()

    assert finding.standing == "configured"
    assert not ProviderCheck.objects.exists()


def test_private_providers_take_turns_when_there_are_many(
    upstream: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.providers.checks._PRIVATE_AT_ONCE", 2)
    monkeypatch.setattr("gateway.providers.checks._NOT_SOONER", timedelta(0))
    for number in range(3):
        provider_at(upstream.url, f"own-{number}", project=ProjectFactory.create())

    check_due()
    check_due()

    checked = ProviderCheck.objects.values_list("provider__slug", flat=True)
    assert {*checked} == {"own-0", "own-1", "own-2"}
    assert len(checked) == 4
