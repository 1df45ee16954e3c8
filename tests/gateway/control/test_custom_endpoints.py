"""A project's own server, and the answers that are kept for it."""

from datetime import timedelta

import pytest
from django.utils import timezone

from catalog.models import AIModel, Credential, Price, Provider
from tenants.models import Project
from tests.gateway.control.calling import Caller
from usage.models import CacheEntry

pytestmark = pytest.mark.django_db

BODY = {
    "project": "acorn",
    "name": "Local",
    "base_url": "https://llm.nice.example/v1",
    "model_id": "qwen3-32b",
    "key": "sk-local-0123456789",
    "operations": ["chat", "embeddings"],
    "input_usd_per_million": "0.10",
}


def test_one_call_makes_all_its_rows(operator: Caller, project: Project) -> None:
    answer = operator.post("custom-endpoints/", BODY)

    provider = Provider.objects.get()
    assert answer.status_code == 201
    assert answer.json()["slug"] == "acorn-local"
    assert answer.json() == operator.get(f"providers/{provider.pk}/").json()
    assert provider.endpoints.count() == 2
    assert AIModel.objects.get().operations == ["chat", "embeddings"]
    assert Price.objects.get().component == "input"
    assert Credential.objects.get().project == project
    assert BODY["key"] not in answer.content.decode()
    assert [r["id"] for r in operator.get("custom-endpoints/").json()["results"]] == [
        provider.pk
    ]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"base_url": "ftp://x"}, "base_url"),
        ({"base_url": "https://x.example/?a=b"}, "base_url"),
        ({"base_url": "http://[::1"}, "base_url"),
        ({"key": "line\nbreak"}, "key"),
        ({"operations": []}, "operations"),
        ({"operations": ["speech"]}, "operations"),
        ({"context_window": 0}, "context_window"),
        ({"input_usd_per_million": "-1"}, "input_usd_per_million"),
        ({"project": "birch"}, "project"),
        ({"handler": "gemini_generate"}, "handler"),
    ],
)
def test_what_is_wrong_is_told_and_nothing_is_made(
    operator: Caller, project: Project, change: dict[str, object], field: str
) -> None:
    answer = operator.post("custom-endpoints/", {**BODY, **change})

    assert answer.status_code == 400, answer.content
    assert any(name.startswith(field) for name in answer.json()["error"]["fields"])
    assert not Provider.objects.exists()
    assert not AIModel.objects.exists()


def entry(project: Project, key: str, alias: str = "fast") -> None:
    now = timezone.now()
    CacheEntry.objects.create(
        key=key,
        project=project,
        operation="chat",
        alias=alias,
        provider="acme",
        model="large",
        sealed=b"x",
        size=1,
        created_at=now,
        expires_at=now + timedelta(days=1),
    )


def test_kept_answers_are_purged_by_alias_or_model_or_all(
    operator: Caller, project: Project, foreign: Project
) -> None:
    for number in range(3):
        entry(project, f"fast-{number}")
    entry(project, "smart", alias="smart")
    entry(foreign, "theirs")
    path = f"projects/{project.pk}/purge-cache/"

    assert operator.post(path, {"alias": "smart"}).json() == {"purged": 1}
    assert operator.post(path, {"model": "acme/small"}).json() == {"purged": 0}
    assert operator.post(path, {"model": "acme/large", "alias": "a"}).status_code == 400
    assert operator.post(path, {"modle": "acme/large"}).status_code == 400
    assert operator.post(path, {}).json() == {"purged": 3}
    assert [each.key for each in CacheEntry.objects.all()] == ["theirs"]
