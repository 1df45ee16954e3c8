"""What a key may name, where it may be used from, and what becomes of its last use."""

from datetime import timedelta
from ipaddress import ip_network

import httpx
import pytest
from django.test import override_settings

from catalog.models import Alias, Provider
from gateway.uses import USES, UseWriter
from tenants.keys import digest_of
from tenants.models import ApiKey, ApiKeyUse, EndUser, Limit, Project
from tests.factories import (
    AIModelFactory,
    AliasFactory,
    AliasTargetFactory,
    PriceFactory,
)
from tests.gateway.live import LiveGateway

pytestmark = pytest.mark.django_db(transaction=True)

HELLO = {"messages": [{"role": "user", "content": "Hello"}]}


@pytest.fixture
def fast(provider: Provider) -> Alias:
    model = AIModelFactory.create(provider=provider, model_id="large")
    for component in ("input", "output"):
        PriceFactory.create(model=model, component=component)
    for name in ("fast", "smart"):
        alias = AliasFactory.create(name=name)
        AliasTargetFactory.create(alias=alias, model=model)
    return alias


def ask(
    live: LiveGateway, key: str, model: str = "fast", **headers: str
) -> httpx.Response:
    live.caught_up()
    sent = {"authorization": f"Bearer {key}", **headers}
    body = {**HELLO, "model": model} if model else HELLO
    return httpx.post(f"{live.url}/v1/chat/completions", json=body, headers=sent)


def test_a_key_names_its_aliases_alone(
    live: LiveGateway, project: Project, fast: Alias
) -> None:
    _, key = ApiKey.issue(project, "k", aliases=["fast"])

    assert ask(live, key).status_code == 200
    for name in ("smart", "sim/large", "large", "nothing"):
        refused = ask(live, key, name)
        assert refused.status_code == 403
        assert refused.json()["error"]["code"] == "model_not_allowed"


def test_fallbacks_and_defaults_are_names_as_well(
    live: LiveGateway, project: Project, fast: Alias
) -> None:
    Project.objects.filter(pk=project.pk).update(default_alias="smart")
    EndUser.objects.create(project=project, external_id="ada", default_model="fast")
    _, key = ApiKey.issue(project, "k", aliases=["fast"])

    listed = httpx.post(
        f"{live.url}/v1/chat/completions",
        json={**HELLO, "model": "fast", "models": ["smart"]},
        headers={"authorization": f"Bearer {key}"},
    )
    assert listed.status_code == 403
    assert ask(live, key, "").status_code == 403
    assert ask(live, key, "", **{"x-signalbox-user": "ada"}).status_code == 200


def test_other_routes_know_the_same_names(
    live: LiveGateway, project: Project, fast: Alias
) -> None:
    _, key = ApiKey.issue(project, "k", aliases=["fast"])
    live.caught_up()

    def post(path: str, body: object) -> int:
        sent = {"authorization": f"Bearer {key}"}
        return httpx.post(live.url + path, json=body, headers=sent).status_code

    own = {"prompt": "Hello", "model": "smart"}
    assert post("/api/ai/generate", own) == 403
    assert (
        post("/v1/route/explain", {**HELLO, "operation": "chat", "model": "smart"})
        == 403
    )
    passed = {**HELLO, "model": "large"}
    assert post("/proxy/sim/v1/chat/completions", passed) == 403
    assert post("/api/ai/generate", {**own, "model": "fast"}) == 200


def test_the_list_of_models_shows_what_the_key_may_name(
    live: LiveGateway, project: Project, fast: Alias
) -> None:
    _, key = ApiKey.issue(project, "k", aliases=["fast", "large"])
    live.caught_up()
    sent = {"authorization": f"Bearer {key}"}

    found = httpx.get(f"{live.url}/v1/models", headers=sent).json()["data"]

    assert [each["id"] for each in found] == ["fast", "large"]
    assert httpx.get(f"{live.url}/v1/models/fast", headers=sent).status_code == 200
    assert httpx.get(f"{live.url}/v1/models/smart", headers=sent).status_code == 404


def test_a_key_is_used_from_its_networks_alone(
    live: LiveGateway, project: Project, fast: Alias
) -> None:
    _, near = ApiKey.issue(project, "near", allowed_networks=["127.0.0.0/8"])
    _, far = ApiKey.issue(project, "far", allowed_networks=["10.0.0.0/8", "::1/128"])

    assert ask(live, near).status_code == 200
    refused = ask(live, far)
    assert refused.status_code == 403
    assert refused.json()["error"]["code"] == "permission_denied"
    forged = ask(live, far, **{"x-forwarded-for": "10.1.2.3"})
    assert forged.status_code == 403
    with override_settings(TRUSTED_PROXIES=(ip_network("127.0.0.0/8"),)):
        assert ask(live, far, **{"x-forwarded-for": "10.1.2.3"}).status_code == 200
        assert (
            ask(live, far, **{"x-forwarded-for": "10.1.2.3, 8.8.8.8"}).status_code
            == 403
        )
        assert ask(live, near, **{"x-forwarded-for": "8.8.8.8"}).status_code == 403


def test_an_imported_key_works_like_another(
    live: LiveGateway, project: Project, fast: Alias
) -> None:
    text = "legacy_0123456789abcdef"
    assert ask(live, text).status_code == 401
    key = ApiKey.known_by_digest(project, "old", digest_of(text))
    key.save()

    assert ask(live, text).status_code == 200
    assert ask(live, f"{text}x").status_code == 401
    key.revoke()
    assert ask(live, text).status_code == 401


def test_a_successor_may_do_the_same_and_shares_the_limits(
    live: LiveGateway, project: Project, fast: Alias
) -> None:
    key, text = ApiKey.issue(
        project,
        "k",
        scopes=["chat"],
        aliases=["fast"],
        allowed_networks=["127.0.0.0/8"],
    )
    Limit.objects.create(
        project=project, api_key=key, metric="requests", amount=2, per="hour"
    )
    second, _ = key.rotate(timedelta(hours=1))
    third, newest = second.rotate(timedelta(hours=1))

    assert (third.scopes, third.aliases, third.allowed_networks) == (
        ["chat"],
        ["fast"],
        ["127.0.0.0/8"],
    )
    assert Limit.objects.get().api_key == third
    statuses = [ask(live, each).status_code for each in (text, newest, text, newest)]
    assert statuses == [200, 200, 429, 429]


def test_last_uses_are_written_together(
    live: LiveGateway, project: Project, fast: Alias
) -> None:
    key, text = ApiKey.issue(project, "k")
    gone, lost = ApiKey.issue(project, "gone")
    for each in (text, text, lost):
        assert ask(live, each).status_code == 200
    live.settled()
    ApiKey.objects.filter(pk=gone.pk).delete()
    writer = UseWriter()

    live.run(writer.write())

    assert list(ApiKeyUse.objects.values_list("api_key_id", flat=True)) == [key.pk]
    before = ApiKeyUse.objects.get().last_used_at
    USES.keys[key.pk] = before.timestamp() - 60
    live.run(writer.write())
    assert ApiKeyUse.objects.get().last_used_at == before
    live.run(writer.stop())
