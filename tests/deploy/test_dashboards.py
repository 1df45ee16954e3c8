"""What the dashboard, the alerts and the scrape ask for is what /metrics tells."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from config.embedded import CHECKOUT
from gateway.metrics.exposition import COUNTERS, GAUGES, TIMINGS
from tests.gateway.asking import ask
from tests.gateway.conftest import (  # noqa: F401
    Offer,
    http,
    key,
    live,
    offer,
    project,
    provider,
    running_gateway,
    running_upstream,
    upstream,
)
from tests.gateway.live import LiveGateway, wait_until

DEPLOY = CHECKOUT / "deploy"
DASHBOARD: dict[str, Any] = json.loads((DEPLOY / "grafana/signalbox.json").read_text())
ALERTS: dict[str, Any] = yaml.safe_load((DEPLOY / "prometheus/alerts.yml").read_text())
METRIC = re.compile(r"\bsignalbox_[a-z_]+\b")
BY = re.compile(r"by \(([^)]*)\)")
OF_SCRAPES = {"le", "instance", "job"}


def expressions() -> Iterator[str]:
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", []):
            yield target["expr"]
    for group in ALERTS["groups"]:
        for rule in group["rules"]:
            yield rule["expr"]


@pytest.fixture
def told(
    http: httpx.Client,  # noqa: F811
    live: LiveGateway,  # noqa: F811
    offer: Offer,  # noqa: F811
) -> dict[str, set[str]]:
    """The labels by the name of each sample that a gateway tells which was used."""
    offer("sim-fault-503", "sim-chat")
    for _ in range(6):
        ask(http, stream=True)
    live.settled()
    text = ""

    def is_open() -> bool:
        nonlocal text
        text = http.get("/metrics").text
        return "signalbox_target_breaker{" in text

    wait_until(is_open)
    return {
        sample.name: set(sample.labels)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_each_query_asks_for_metrics_and_labels_that_exist(
    told: dict[str, set[str]],
) -> None:
    for expression in expressions():
        names = METRIC.findall(expression)
        for name in names:
            assert name in told or name in unused(), f"{name} in {expression}"
        for labels in BY.findall(expression):
            wanted = {label.strip() for label in labels.split(",")} - OF_SCRAPES
            for name in set(names) & told.keys():
                assert wanted <= told[name], f"{name} in {expression}"


def unused() -> set[str]:
    """Return counters with labels, which are not told before they have counted."""
    return {
        f"signalbox_{name}_total" for name, family in COUNTERS.items() if family.labels
    }


def test_all_that_is_told_is_described_and_most_of_it_shown(
    told: dict[str, set[str]],
) -> None:
    shown = set(METRIC.findall("\n".join(expressions())))

    known = {
        *(f"signalbox_{name}_total" for name in COUNTERS),
        *(f"signalbox_{name}_bucket" for name in TIMINGS),
        *(f"signalbox_{name}" for name in GAUGES),
    }
    assert shown <= known
    assert len(known - shown) <= 5, known - shown
    page = (CHECKOUT / "docs/operations.md").read_text()
    for name in known:
        bare = name.removesuffix("_total").removesuffix("_bucket")
        tail = bare.removeprefix("signalbox_")
        assert bare in page or f"…_{tail}" in page, f"{bare} is not described"


def test_the_dashboard_hangs_together() -> None:
    panels = DASHBOARD["panels"]
    ids = [panel["id"] for panel in panels]
    taken: set[tuple[int, int]] = set()

    assert len(set(ids)) == len(ids)
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert max(x for x, _ in cells) < 24
        assert not cells & taken, panel["title"]
        taken |= cells
        for target in panel.get("targets", []):
            assert target["expr"].count("(") == target["expr"].count(")")
    variables = {each["name"] for each in DASHBOARD["templating"]["list"]}
    used = set(re.findall(r"\$\{?([a-z]+)\}?", json.dumps(panels)))
    assert used <= variables


def test_each_alert_says_what_is_wrong() -> None:
    rules = [rule for group in ALERTS["groups"] for rule in group["rules"]]

    assert len({rule["alert"] for rule in rules}) == len(rules)
    for rule in rules:
        assert rule["labels"]["severity"] in {"warning", "critical"}
        assert rule["annotations"]["summary"].endswith(".")
        labels = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))
        grouped = {
            label.strip()
            for found in BY.findall(rule["expr"])
            for label in found.split(",")
        }
        assert labels <= grouped | OF_SCRAPES


def test_prometheus_asks_the_web_containers_with_the_token() -> None:
    scraped = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text())
    compose = yaml.safe_load((CHECKOUT / "compose.yaml").read_text())

    (job,) = scraped["scrape_configs"]
    (static,) = job["static_configs"]
    assert job["metrics_path"] == "/metrics"
    assert job["authorization"]["type"] == "Bearer"
    for target in static["targets"]:
        name, port = target.split(":")
        assert name in compose["services"]
        assert port == "8000"
    mounted = [
        Path(mount.split(":")[0])
        for mount in compose["services"]["prometheus"]["volumes"]
    ]
    assert all((CHECKOUT / path).exists() for path in mounted)
