"""Two people who change the same row: nobody overwrites what he has not seen."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from catalog.models import AliasTarget
from tenants.models import Project, Role
from tests.factories import (
    AIModelFactory,
    AliasFactory,
    AliasTargetFactory,
    OrganizationFactory,
    ProjectFactory,
)
from tests.gateway.control.calling import Caller, caller


@pytest.mark.django_db
def test_a_change_of_an_older_version_is_refused(
    platform: Caller, project: Project
) -> None:
    path = f"projects/{project.pk}/"
    etag = platform.get(path)["etag"]
    changed = platform.patch(path, {"name": "First"}, if_match=etag)

    late = [
        platform.patch(path, {"name": "Second"}, if_match=etag),
        platform.put(path, {"name": "Second"}, if_match=etag),
        platform.delete(path, if_match=etag),
    ]

    assert changed.status_code == 200
    assert changed["etag"] == platform.get(path)["etag"] != etag
    assert {a.status_code for a in late} == {412}
    assert late[0].json()["error"]["code"] == "version_mismatch"
    assert Project.objects.get(pk=project.pk).name == "First"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("*", 200),
        ('"nonsense"', 412),
        ('"nonsense", {etag}', 200),
        ("W/{etag}", 412),
        ("", 412),
    ],
)
def test_if_match_is_read_as_http_says(
    platform: Caller, project: Project, header: str, status: int
) -> None:
    path = f"projects/{project.pk}/"
    etag = platform.get(path)["etag"]

    answer = platform.patch(
        path, {"name": "N"}, if_match=header.replace("{etag}", etag)
    )

    assert answer.status_code == status


@pytest.mark.django_db
def test_without_it_the_last_one_wins(platform: Caller, project: Project) -> None:
    for name in ("first", "last"):
        answer = platform.patch(f"projects/{project.pk}/", {"name": name})
        assert answer.status_code == 200

    project.refresh_from_db()
    assert project.name == "last"


@pytest.mark.django_db
def test_the_version_of_an_alias_is_that_of_its_targets_too(platform: Caller) -> None:
    alias = AliasFactory.create()
    target = AliasTargetFactory.create(alias=alias, model=AIModelFactory.create())
    path = f"aliases/{alias.pk}/"
    etag = platform.get(path)["etag"]

    AliasTarget.objects.filter(pk=target.pk).update(weight=7)

    assert platform.patch(path, {"region": "eu"}, if_match=etag).status_code == 412


@pytest.mark.django_db
def test_actions_take_it_as_well(platform: Caller, project: Project) -> None:
    key = platform.post("keys/", {"project": "acorn", "name": "k"})
    path = f"keys/{key.json()['id']}/"
    platform.patch(path, {"name": "other"})

    assert platform.post(f"{path}revoke/", if_match=key["etag"]).status_code == 412
    assert platform.get(path).json()["status"] == "active"


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_one_wins() -> None:
    organization = OrganizationFactory.create()
    project = ProjectFactory.create(organization=organization)
    owner = caller(Role.OWNER)
    path = f"projects/{project.pk}/"
    etag = owner.get(path)["etag"]

    def change(number: int) -> int:
        try:
            answer = Caller(owner.token).patch(
                path, {"name": f"by {number}"}, if_match=etag
            )
            return int(answer.status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        statuses = sorted(pool.map(change, range(8)))

    assert statuses == [200] + [412] * 7
