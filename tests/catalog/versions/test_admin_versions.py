import pytest
from django.test import Client

from catalog.models import Provider
from catalog.versions.listing import newest
from catalog.versions.rollback import preview
from tenants.models import Organization, Role
from tests.admin_pages import text_of
from tests.gateway.rows import make_provider
from tests.people import person

pytestmark = pytest.mark.django_db(transaction=True)

VERSIONS = "/admin/tenants/configchange/"


def test_a_bad_edit_is_found_compared_and_taken_back(admin_client: Client) -> None:
    provider = make_provider()
    good = newest()
    assert good is not None
    Provider.objects.update(name="Broken", active=False)
    bad = newest()
    assert bad is not None

    listed = text_of(admin_client.get(VERSIONS))
    assert str(good.number) in listed
    assert "update provider acme" in listed
    compared = text_of(
        admin_client.get(f"{VERSIONS}compare/?from={good.number}&to={bad.number}")
    )
    assert "name: Acme Broken" in compared

    page = f"{VERSIONS}{good.number}/rollback/"
    assert "name: Broken Acme" in text_of(admin_client.get(page))
    shown = preview(good).digest
    wrong = admin_client.post(page, {"number": "1", "shown": shown})
    assert f"This is version {good.number}" in text_of(wrong)
    provider.refresh_from_db()
    assert provider.name == "Broken"

    done = admin_client.post(
        page, {"number": str(good.number), "shown": shown}, follow=True
    )

    assert f"Went back to version {good.number}" in text_of(done)
    provider.refresh_from_db()
    assert (provider.name, provider.active) == ("Acme", True)
    last = newest()
    assert last is not None
    told = text_of(admin_client.get("/admin/pghistory/events/"))
    assert f"admin {page}" in told


def test_what_was_not_shown_is_not_done(admin_client: Client) -> None:
    make_provider()
    good = newest()
    assert good is not None
    Provider.objects.update(name="Other")

    answer = admin_client.post(
        f"{VERSIONS}{good.number}/rollback/",
        {"number": str(good.number), "shown": "0" * 64},
    )

    assert "has changed meanwhile" in text_of(answer)
    assert Provider.objects.get().name == "Other"


def test_versions_are_for_the_installation_alone(client: Client) -> None:
    make_provider()
    last = newest()
    assert last is not None
    organization = Organization.objects.create(slug="acorn", name="Acorn")
    pages = (
        VERSIONS,
        f"{VERSIONS}compare/?from={last.number}",
        f"{VERSIONS}{last.number}/rollback/",
    )
    for name, role, where, status in (
        ("owner", Role.OWNER, organization, 403),
        ("analyst", Role.ANALYST, None, 403),
        ("operator", Role.OPERATOR, None, 200),
    ):
        client.force_login(person(role, where, name=name))
        assert [client.get(page).status_code for page in pages] == [status] * 3


def test_what_is_not_there_is_not_found(admin_client: Client) -> None:
    assert admin_client.get(f"{VERSIONS}compare/?from=0").status_code == 404
    assert admin_client.get(f"{VERSIONS}compare/?from=x").status_code == 404
    assert admin_client.get(f"{VERSIONS}999999999/rollback/").status_code == 404
    assert "There are no versions here" in text_of(
        admin_client.get(f"{VERSIONS}?before=1")
    )
