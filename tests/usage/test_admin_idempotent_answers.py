from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from tenants.models import Project
from tests.admin_pages import text_of
from tests.factories import ProjectFactory
from usage.models import IdempotentAnswer

pytestmark = pytest.mark.django_db

LIST = "/admin/usage/idempotentanswer/"


def answer(project: Project, **fields: Any) -> IdempotentAnswer:
    now = timezone.now()
    given = {
        "digest": uuid4().hex * 2,
        "fingerprint": "f" * 64,
        "request_id": uuid4(),
        "created_at": now,
        "lease_until": now + timedelta(seconds=30),
        "expires_at": now + timedelta(days=1),
    }
    return IdempotentAnswer.objects.create(project=project, **{**given, **fields})


def test_the_list_tells_what_became_of_each_request(admin_client: Client) -> None:
    project, now = ProjectFactory.create(slug="acorn"), timezone.now()
    past = now - timedelta(minutes=1)
    answer(project, sealed=b"sealed-words", answered_at=now)
    answer(project, answered_at=now)
    answer(project)
    answer(project, lease_until=past)
    answer(project, expires_at=past)

    page = text_of(admin_client.get(LIST))

    for state in ("kept", "not kept", "under way", "given up", "expired"):
        assert state in page.lower()


def test_a_row_is_looked_at_and_not_changed(admin_client: Client) -> None:
    row = answer(
        ProjectFactory.create(), sealed=b"sealed-words", answered_at=timezone.now()
    )

    page = admin_client.get(f"{LIST}{row.pk}/change/")

    assert page.status_code == 200
    assert str(row.request_id) in text_of(page)
    assert b"sealed-words" not in page.content
    assert b'name="_save"' not in page.content
    assert admin_client.get(f"{LIST}add/").status_code == 403


def test_a_request_is_found_by_its_id(admin_client: Client) -> None:
    project = ProjectFactory.create()
    wanted, other = answer(project), answer(project)

    page = text_of(admin_client.get(LIST, {"q": str(wanted.request_id)}))

    assert str(wanted.request_id) in page
    assert str(other.request_id) not in page
