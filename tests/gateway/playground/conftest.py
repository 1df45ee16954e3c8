"""Somebody who is signed in at a running gateway."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from django.contrib.auth.models import User
from django.db import connection
from pytest_django import DjangoDbBlocker

from gateway.simulator import Simulator
from tests.gateway.live import LiveGateway

PAGE = "/admin/playground/"
Run = Callable[..., list[dict[str, Any]]]


@pytest.fixture(scope="module")
def running_gateway(
    tmp_path_factory: pytest.TempPathFactory,
    running_upstream: Simulator,
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
) -> Iterator[LiveGateway]:
    """The gateway, without counting sockets: sign-in keeps its connection to Redis."""
    connection.close()
    gateway = LiveGateway(tmp_path_factory.mktemp("spool"))
    with django_db_blocker.unblock(), gateway:
        yield gateway
    connection.close()


@pytest.fixture
def signed_in(live: LiveGateway, admin_user: User) -> Iterator[httpx.Client]:
    """The owner of the installation, with the cookies of a browser."""
    with sign_in(live, admin_user.get_username()) as client:
        yield client


@contextmanager
def sign_in(
    live: LiveGateway,
    name: str,
    password: str = "password",
) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=live.url, timeout=10) as client:
        sent = {
            "username": name,
            "password": password,
            "csrfmiddlewaretoken": token_in(client.get("/admin/login/")),
        }
        assert client.post("/admin/login/", data=sent).status_code == 302
        yield client


def token_in(page: httpx.Response) -> str:
    found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)
    assert found is not None
    return found[1]


def sent_form(client: httpx.Client, **fields: Any) -> dict[str, Any]:
    """Return what the page's form sends; `body` may be a dict."""
    body = fields.pop("body", {"messages": [{"role": "user", "content": "Hello"}]})
    return {
        "csrfmiddlewaretoken": token_in(client.get(PAGE)),
        "project": "acorn",
        "place": "openai-chat",
        "model": "fast",
        "body": body if isinstance(body, str) else json.dumps(body),
        **fields,
    }


@pytest.fixture
def run(signed_in: httpx.Client) -> Run:
    """Start a run, and return what it told line by line."""

    def start(**fields: Any) -> list[dict[str, Any]]:
        response = signed_in.post(f"{PAGE}run/", data=sent_form(signed_in, **fields))
        assert response.status_code == 200, response.text
        return [json.loads(line) for line in response.text.splitlines()]

    return start
