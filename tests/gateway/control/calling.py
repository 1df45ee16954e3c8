"""The control API as its clients call it, with a token of somebody in some role."""

import json
from typing import Any

from django.contrib.auth import get_user_model
from django.test import Client

from tenants.models import Membership, OperatorToken, Organization, Role

ROOT = "/api/control/v1"


class Caller:
    """Somebody with an operator token."""

    def __init__(self, token: str) -> None:
        self.token = token
        self._client = Client()

    def __call__(
        self, method: str, path: str, body: Any = None, /, **headers: str
    ) -> Any:
        sent = {"authorization": f"Bearer {self.token}"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        return self._client.generic(
            method,
            f"{ROOT}/{path}",
            b"" if body is None else _encoded(body),
            content_type=sent.pop("content-type", "application/json"),
            headers=sent,
        )

    def get(self, path: str, **headers: str) -> Any:
        return self("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self("POST", path, body, **headers)

    def put(self, path: str, body: Any, **headers: str) -> Any:
        return self("PUT", path, body, **headers)

    def patch(self, path: str, body: Any, **headers: str) -> Any:
        return self("PATCH", path, body, **headers)

    def delete(self, path: str, **headers: str) -> Any:
        return self("DELETE", path, **headers)


def caller(
    role: Role | None, organization: Organization | None = None, name: str = ""
) -> Caller:
    """Return somebody new; without an organization the role is held everywhere."""
    people = get_user_model().objects
    user = people.create_user(name or f"{role}-{people.count()}")
    if role is not None:
        Membership.objects.create(user=user, organization=organization, role=role)
    _, text = OperatorToken.issue(user, "test")
    return Caller(text)


def _encoded(body: Any) -> bytes:
    return body.encode() if isinstance(body, str) else json.dumps(body).encode()
