"""A project with an end user, whose context is written with the project's key."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from tenants.models import ApiKey, Project

Call = Callable[..., Any]


@pytest.fixture
def call(project: Project) -> Call:
    """Send a request with a key of the project."""
    return calling(ApiKey.issue(project, "context")[1])


def calling(text: str) -> Call:
    client = Client()

    def send(method: str, path: str, body: Any = None, **headers: str) -> Any:
        return client.generic(
            method,
            f"/api/context/{path}",
            data="" if body is None else json.dumps(body),
            content_type="application/json",
            headers={"authorization": f"Bearer {text}", **headers},
        )

    return send


def entry(kind: str = "feels", content: Any = "calm", **more: Any) -> dict[str, Any]:
    return {"userId": "ada", "kind": kind, "content": content, **more}
