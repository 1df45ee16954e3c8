"""Captured texts are forgotten over HTTP, by project and by end user."""

from datetime import UTC, datetime, timedelta

import pytest

from tenants.models import Organization, Project, Role
from tests.gateway.control.calling import Caller, caller
from usage import captures
from usage.models import CapturedText

pytestmark = pytest.mark.django_db


def keep(project: Project, *end_users: str) -> None:
    captures.store(
        captures.Capture(
            project_id=project.pk,
            request_id=f"r-{project.pk}-{number}",
            end_user=end_user,
            path="/v1/chat/completions",
            status=200,
            occurred_at=datetime.now(UTC) - timedelta(minutes=1),
            keep_days=7,
            patterns=(),
            request=b"{}",
            answer=b"{}",
        )
        for number, end_user in enumerate(end_users)
    )


def left(project: Project) -> list[str]:
    rows = CapturedText.objects.for_project(project).order_by("end_user")
    return list(rows.values_list("end_user", flat=True))


@pytest.fixture
def owner(organization: Organization) -> Caller:
    return caller(Role.OWNER, organization)


def test_texts_of_one_end_user_are_forgotten(owner: Caller, project: Project) -> None:
    keep(project, "ann", "ann", "bob")

    answer = owner.post(
        "captured-texts/purge/", {"project": project.slug, "end_user": "ann"}
    )

    assert answer.json() == {"deleted": 2}
    assert left(project) == ["bob"]


def test_texts_of_a_project_are_forgotten(
    owner: Caller, project: Project, foreign: Project
) -> None:
    keep(project, "ann", "")
    keep(foreign, "ann")

    answer = owner.post("captured-texts/purge/", {"project": project.pk})

    assert answer.json() == {"deleted": 2}
    assert left(project) == []
    assert left(foreign) == ["ann"]


def test_texts_of_another_organization_stay(owner: Caller, foreign: Project) -> None:
    keep(foreign, "ann")

    for name in (foreign.slug, foreign.pk):
        answer = owner.post("captured-texts/purge/", {"project": name})
        assert answer.status_code == 400
        assert "no such project" in answer.json()["error"]["message"]
    assert left(foreign) == ["ann"]


def test_operators_forget_nothing(operator: Caller, project: Project) -> None:
    keep(project, "ann")

    answer = operator.post("captured-texts/purge/", {"project": project.slug})

    assert answer.status_code == 403
    assert left(project) == ["ann"]


def test_a_project_has_to_be_named(owner: Caller, project: Project) -> None:
    keep(project, "ann")

    assert owner.post("captured-texts/purge/", {}).status_code == 400
    assert owner.post("captured-texts/purge/", {"projects": 1}).status_code == 400
    assert left(project) == ["ann"]
