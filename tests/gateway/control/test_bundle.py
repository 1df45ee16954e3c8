"""Configuration as code over HTTP, for those who configure everything."""

import pytest
import yaml

from catalog.models import Provider
from tenants.models import Role
from tests.gateway.control.calling import Caller, caller

pytestmark = pytest.mark.django_db

YAML = "application/yaml"
BUNDLE = """
providers:
  - slug: acme
    base_url: https://api.acme.example
    handler: openai_chat
models:
  - {provider: acme, model_id: large}
aliases:
  - {name: fast, targets: [{model: acme/large}]}
"""


def test_a_plan_tells_what_would_change_and_changes_nothing(platform: Caller) -> None:
    answer = platform.post("bundle/plan", BUNDLE, content_type=YAML)

    plan = answer.json()
    assert plan["summary"].startswith("4 created")
    assert plan["changes"][0]["action"] == "create"
    assert plan["changes"][0]["key"] == ["acme"]
    assert not Provider.objects.exists()


def test_what_is_applied_is_exported_and_then_changes_nothing(platform: Caller) -> None:
    applied = platform.post("bundle/apply/", BUNDLE, content_type=YAML)
    exported = platform.get("bundle/export/")
    again = platform.post("bundle/plan/", exported.content.decode(), content_type=YAML)

    assert applied.status_code == 200
    assert exported["content-type"].startswith(YAML)
    assert yaml.safe_load(exported.content)["aliases"][0]["name"] == "fast"
    assert again.json()["changes"] == []


def test_prune_removes_what_is_left_out(platform: Caller) -> None:
    platform.post("bundle/apply/", BUNDLE, content_type=YAML)

    none = "{providers: [], models: [], aliases: []}"
    kept = platform.post("bundle/plan/", none, content_type=YAML).json()
    pruned = platform.post("bundle/apply/?prune=true", none, content_type=YAML).json()

    assert kept["changes"] == []
    assert "delete" in {change["action"] for change in pruned["changes"]}
    assert (
        platform.post("bundle/plan?prune=maybe", "{}", content_type=YAML).status_code
        == 400
    )


def test_every_mistake_is_told_at_its_place(platform: Caller) -> None:
    wrong = BUNDLE.replace("handler: openai_chat", "hadler: x").replace(
        "large}]", "huge}]"
    )

    answer = platform.post("bundle/apply/", wrong, content_type=YAML)

    fields = answer.json()["error"]["fields"]
    assert answer.status_code == 400
    assert any("did you mean handler?" in str(each) for each in fields.values())
    assert not Provider.objects.exists()


@pytest.mark.parametrize(
    "text", ["{", "a: [", "- 1", "5", "\x00", "a: &a [*a]", "? {}"]
)
def test_what_is_no_bundle_is_refused(platform: Caller, text: str) -> None:
    answer = platform.post("bundle/plan/", text, content_type=YAML)

    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "invalid_request"


def test_json_is_yaml_and_a_form_is_not(platform: Caller) -> None:
    as_json = platform.post("bundle/plan/", "{}", content_type="application/json")
    as_form = platform.post("bundle/plan/", "{}", content_type="text/csv")

    assert (as_json.status_code, as_form.status_code) == (200, 415)


def test_bundles_are_for_the_whole_installation(
    organization: object, operator: Caller
) -> None:
    reader = caller(Role.READ_ONLY)

    for path in ("plan/", "apply/"):
        for who in (operator, reader):
            assert (
                who.post(f"bundle/{path}", BUNDLE, content_type=YAML).status_code == 403
            )
    assert operator.get("bundle/export/").status_code == 403
    assert reader.get("bundle/export/").status_code == 200
