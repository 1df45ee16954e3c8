"""The image and the composition: what they copy, run, mount and set."""

import re
import shlex
from typing import Any

import yaml

from config.embedded import CHECKOUT
from config.roles import ROLES

COMPOSE: dict[str, Any] = yaml.safe_load((CHECKOUT / "compose.yaml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
OURS = {
    name: service
    for name, service in SERVICES.items()
    if "signalbox" in service["image"]
}
DOCKERFILE = (CHECKOUT / "Dockerfile").read_text()


def test_every_service_of_ours_may_write_to_its_home_and_tmp_alone() -> None:
    assert {"prepare", "web1", "web2", "worker", "beat"} == OURS.keys()
    for service in OURS.values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["volumes"] == ["home:/var/lib/signalbox"]
        assert service["tmpfs"] == ["/tmp"]


def test_each_role_is_run_once_and_the_web_twice() -> None:
    commands = [service["command"] for service in OURS.values()]
    roles = [command[-1] for command in commands if "--only" in command]

    assert sorted(roles) == ["beat", "web", "web", "worker"]
    assert set(roles) == set(ROLES)
    assert ["python", "-m", "config.prepare"] in commands


def test_nothing_starts_before_the_database_is_up_to_date() -> None:
    for name, service in OURS.items():
        if name != "prepare":
            condition = service["depends_on"]["prepare"]["condition"]
            assert condition == "service_completed_successfully"


def test_containers_have_time_to_drain() -> None:
    environment = OURS["web1"]["environment"]
    delay = float(environment["SIGNALBOX_DRAIN_DELAY_SECONDS"])
    # What is usual for the rest, see config/draining.py and config/roles.py.
    usual = 30 + 10

    for service in OURS.values():
        assert int(service["stop_grace_period"].rstrip("s")) >= delay + usual


def test_variables_are_explained() -> None:
    example = (CHECKOUT / ".env.example").read_text()
    named = set(re.findall(r"^#?([A-Z][A-Z0-9_]+)=", example, re.MULTILINE))

    for service in OURS.values():
        assert service["environment"].keys() <= named
    asked = set(re.findall(r"\$\{([A-Z_]+)", (CHECKOUT / "compose.yaml").read_text()))
    assert asked - {"POSTGRES_PASSWORD"} <= named


def test_the_image_has_what_the_product_imports_and_nothing_secret() -> None:
    copied = {
        source
        for line in DOCKERFILE.splitlines()
        if line.startswith("COPY ") and "--from" not in line
        for source in shlex.split(line)[1:-1]
    }
    let_in = {
        line[1:]
        for line in (CHECKOUT / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    }

    assert copied == let_in
    assert all((CHECKOUT / name).exists() for name in copied)
    rooms = {"catalog", "config", "gateway", "tenants", "usage", "workflows"}
    assert rooms | {"templates", "manage.py", "requirements/run.txt"} <= copied
    assert ".env" not in copied


def test_the_image_runs_as_nobody_in_particular() -> None:
    stages = DOCKERFILE.split("\nFROM ")

    assert len(stages) == 3
    assert "USER 10001:10001" in stages[-1]
    assert "--require-hashes" in stages[1]


def test_nginx_passes_streams_on_and_asks_nobody_twice() -> None:
    text = (CHECKOUT / "deploy/nginx/nginx.conf").read_text()
    lines = [line.split("#")[0].strip() for line in text.splitlines()]
    said = " ".join(line for line in lines if line)

    assert said.count("{") == said.count("}")
    for directive in (
        "proxy_buffering off;",
        'proxy_set_header Connection "";',
        "proxy_http_version 1.1;",
        "proxy_next_upstream error;",
        "proxy_ignore_client_abort off;",
    ):
        assert directive in said
    assert set(re.findall(r"server (web\d):8000", said)) == {"web1", "web2"}
    assert "location = /metrics { return 404; }" in said
