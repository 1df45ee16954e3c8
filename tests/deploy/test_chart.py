"""The Helm chart, as far as it can be checked without Helm."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from config.embedded import CHECKOUT
from tests.deploy.templates import rendered

CHART = CHECKOUT / "deploy/helm/signalbox"
VALUES: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text())
TEMPLATES = sorted((CHART / "templates").glob("*.yaml"))


def documents(**changes: Any) -> list[dict[str, Any]]:
    values = {**VALUES, **changes}
    return [
        document
        for path in TEMPLATES
        for document in rendered(path.read_text(), values)
    ]


def pods(found: list[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], Any]]:
    for each in found:
        if "template" in each.get("spec", {}):
            yield each, each["spec"]["template"]["spec"]


def of_kind(found: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    (one,) = (each for each in found if each["kind"] == kind)
    return one


def test_the_values_are_as_their_schema_says() -> None:
    schema = yaml.safe_load((CHART / "values.schema.json").read_text())
    jsonschema.Draft7Validator.check_schema(schema)

    jsonschema.validate(VALUES, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**VALUES, "web": {**VALUES["web"], "replicas": 0}}, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**VALUES, "wrb": {}}, schema)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: Path(path).name)
def test_each_template_makes_objects_that_are_named(path: Path) -> None:
    on = {"podMonitor": {"enabled": True}}

    for document in rendered(path.read_text(), {**VALUES, **on}):
        assert document["apiVersion"]
        assert document["kind"]
        assert document["metadata"]["name"].startswith("release-")
        labels = document["metadata"]["labels"]
        assert labels["app.kubernetes.io/instance"] == "release"


def test_each_role_runs_with_as_few_rights_as_it_needs() -> None:
    found = list(pods(documents()))

    assert {each["kind"] for each, _ in found} == {"StatefulSet", "Deployment", "Job"}
    assert len(found) == 4
    for _, pod in found:
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["automountServiceAccountToken"] is False
        (container,) = pod["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["limits"]["memory"]
        mounted = {mount["mountPath"] for mount in container["volumeMounts"]}
        assert mounted == {"/var/lib/signalbox", "/tmp"}


def test_the_commands_are_those_of_the_image() -> None:
    commands = {
        pod["containers"][0]["name"]: pod["containers"][0]["command"]
        for _, pod in pods(documents())
    }

    run = ["python", "-m", "config.run", "--only"]
    assert commands == {
        "web": [*run, "web"],
        "worker": [*run, "worker"],
        "beat": [*run, "beat"],
        "prepare": ["python", "-m", "config.prepare"],
    }


def test_selectors_find_their_pods_and_a_pod_has_time_to_drain() -> None:
    found = documents()
    web = next(
        each for each, _ in pods(found) if each["metadata"]["name"] == "release-web"
    )
    labels = web["spec"]["template"]["metadata"]["labels"]

    assert web["spec"]["selector"]["matchLabels"] == labels
    assert of_kind(found, "Service")["spec"]["selector"] == labels
    assert (
        of_kind(found, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"]
        == labels
    )
    pod = web["spec"]["template"]["spec"]
    variables = {each["name"]: each["value"] for each in pod["containers"][0]["env"]}
    drain = int(variables["SIGNALBOX_DRAIN_DELAY_SECONDS"]) + int(
        variables["SIGNALBOX_DRAIN_SECONDS"]
    )
    # What the supervisor waits for at most, see config/run.py.
    assert pod["terminationGracePeriodSeconds"] >= drain + 10


def test_what_is_switched_off_is_not_there() -> None:
    off = documents(ingress={**VALUES["ingress"], "enabled": False})

    kinds = {each["kind"] for each in off}
    assert "Ingress" not in kinds
    assert "PodMonitor" not in kinds
    classed = documents(web={**VALUES["web"], "storageClass": "fast"})
    (claim,) = next(
        each["spec"]["volumeClaimTemplates"]
        for each in classed
        if each["metadata"]["name"] == "release-web" and each["kind"] == "StatefulSet"
    )
    assert claim["spec"]["storageClassName"] == "fast"


def test_variables_are_texts() -> None:
    data = of_kind(documents(), "ConfigMap")["data"]

    assert all(type(value) is str for value in data.values())
