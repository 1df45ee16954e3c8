"""The Helm chart: what Helm makes of it, and what Kubernetes would say to that."""

import functools
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from kubernetes_validate.utils import all_versions, validate

from config.embedded import CHECKOUT
from tests.deploy.programs import run

CHART = CHECKOUT / "deploy/helm/signalbox"
VALUES: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text())
EVERYTHING = {
    "podMonitor": {"enabled": True},
    "ingress": {**VALUES["ingress"], "enabled": True},
}


def documents(**changes: Any) -> list[dict[str, Any]]:
    """Return the objects that Helm makes of the chart with its values changed so."""
    found: list[dict[str, Any]] = yaml.safe_load(_rendered(yaml.safe_dump(changes)))
    return found


@functools.cache
def _rendered(values: str) -> str:
    arguments = ["template", "release", str(CHART), "--values", "-"]
    made = run("helm", arguments, stdin=values)
    assert made.returncode == 0, made.stderr
    # One document, so that a cached answer is not shared by those who change it.
    return yaml.safe_dump(
        [document for document in yaml.safe_load_all(made.stdout) if document]
    )


def pods(found: list[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], Any]]:
    for each in found:
        if "template" in each.get("spec", {}):
            yield each, each["spec"]["template"]["spec"]


def of_kind(found: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    (one,) = (each for each in found if each["kind"] == kind)
    return one


def test_helm_has_nothing_to_say() -> None:
    judged = run("helm", ["lint", "--strict", str(CHART)])

    assert judged.returncode == 0, judged.stdout


@pytest.mark.parametrize(
    ("wrong", "what"), [("web: {replicas: 0}", "replicas"), ("wrb: {}", "wrb")]
)
def test_helm_refuses_values_that_make_no_sense(wrong: str, what: str) -> None:
    made = run("helm", ["template", "release", str(CHART), "--values", "-"], wrong)

    assert made.returncode != 0
    assert what in made.stderr


@pytest.mark.parametrize("version", ["1.28.0", all_versions()[-1]])
def test_kubernetes_takes_every_object(version: str) -> None:
    kinds = set()
    for document in documents(**EVERYTHING):
        # The operator of Prometheus defines this one.
        if document["kind"] != "PodMonitor":
            validate(document, version, strict=True)
            kinds.add(document["kind"])

    assert kinds > {"StatefulSet", "Deployment", "Job", "Service", "Ingress"}


def test_each_object_is_named_after_its_release() -> None:
    found = documents(**EVERYTHING)

    assert len(found) > 8
    for document in found:
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
