import csv
import io
import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from tenants.audit_export import export_lines
from tenants.audit_retention import trim
from tenants.audit_trail import entries, page_of
from tenants.models import Limit, Organization, Project, Role
from tests.factories import ProjectFactory
from tests.people import person

pytestmark = pytest.mark.django_db

EXPORT = "/admin/pghistory/events/export"


def body_of(response: Any) -> str:
    return b"".join(response.streaming_content).decode()


def test_json_lines_hold_before_and_after(project: Project) -> None:
    limit = Limit.objects.create(
        project=project, metric="requests", amount=7, per="day"
    )
    limit.amount = 8
    limit.save()

    text = b"".join(export_lines(entries(model=Limit), "jsonl")).decode()

    newest, oldest = map(json.loads, text.splitlines())
    assert (newest["action"], newest["model"], newest["object_id"]) == (
        "update",
        "tenants.limit",
        str(limit.pk),
    )
    assert newest["changes"] == [{"field": "amount", "before": "7", "after": "8"}]
    assert oldest["action"] == "insert"


def test_the_page_exports_what_its_filter_lets_through(
    admin_client: Client, project: Project
) -> None:
    Project.objects.filter(pk=project.pk).update(name="=HYPERLINK(1)")

    response = admin_client.get(f"{EXPORT}/csv/?model=tenants.project&action=update")

    assert response["Content-Type"] == "text/csv; charset=utf-8"
    (row,) = csv.DictReader(io.StringIO(body_of(response)))
    assert (row["field"], row["actor"]) == ("name", "outside the admin")
    assert row["after"] == "'=HYPERLINK(1)"


def test_an_organization_exports_its_own_alone(client: Client) -> None:
    mine = ProjectFactory.create()
    theirs = Organization.objects.create(slug="theirs", name="Theirs")
    other = ProjectFactory.create(organization=theirs)
    client.force_login(person(Role.OPERATOR, mine.organization))

    text = body_of(client.get(f"{EXPORT}/jsonl/"))

    names = {json.loads(line)["name"] for line in text.splitlines()}
    assert mine.slug in names
    assert other.slug not in names


def test_unknown_formats_and_strangers_get_nothing(
    client: Client, admin_client: Client, project: Project
) -> None:
    assert admin_client.get(f"{EXPORT}/xml/").status_code == 404
    client.force_login(person(Role.ANALYST, project.organization))
    assert client.get(f"{EXPORT}/csv/").status_code == 403


def test_the_audit_may_be_hidden(
    admin_client: Client, settings: Any, project: Project
) -> None:
    settings.AUDIT_ENABLED = False

    assert entries() == []
    assert admin_client.get(f"{EXPORT}/csv/").status_code == 403
    assert admin_client.get("/admin/pghistory/events/").status_code == 403


def test_old_entries_go_but_every_change_that_is_kept_can_be_told(
    settings: Any, project: Project
) -> None:
    gone = ProjectFactory.create(slug="gone")
    Project.objects.filter(pk=project.pk).update(name="Second")
    gone.delete()
    _make_older(days=40)
    Project.objects.filter(pk=project.pk).update(name="Third")
    settings.AUDIT_RETENTION_DAYS = 30

    assert trim() > 0

    page, _ = page_of(entries(model=Project))
    told = [(e.action, c.before, c.after) for e in page for c in e.changes]
    assert ("update", "Second", "Third") in told
    assert [entry.name for entry in page] == [project.slug, project.slug]
    assert trim() == 0
    with pytest.raises(Exception, match="Cannot"), connection.cursor() as cursor:
        cursor.execute("DELETE FROM tenants_projectevent")


def test_without_a_bound_everything_is_kept(settings: Any, project: Project) -> None:
    settings.AUDIT_RETENTION_DAYS = 0
    assert trim(timezone.now() + timedelta(days=9_999)) == 0


def _make_older(*, days: int) -> None:
    with connection.cursor() as cursor:
        for table in ("tenants_projectevent", "tenants_organizationevent"):
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
            cursor.execute(
                f"UPDATE {table} SET pgh_created_at ="
                f" pgh_created_at - interval '{days} days'"
            )
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
