import threading
import time
from decimal import Decimal

import pytest
from django.db import connection, transaction

from catalog.models import AIModel, Alias, AliasTarget, Credential, Endpoint, Provider
from catalog.versions.difference import RowChange, compare
from catalog.versions.listing import NoVersion, Version, newest, version, versions
from catalog.versions.rollback import RollbackRefused, preview, roll_back
from tenants.models import ApiKey, Budget, Limit, Organization, Project
from tests.factories import ProjectFactory
from tests.gateway.rows import make_alias, make_model, make_price, make_provider
from usage.models import NotificationChannel

pytestmark = pytest.mark.django_db(transaction=True)


def now() -> Version:
    found = newest()
    assert found is not None
    return found


def go_back(to: Version) -> list[tuple[str, str, str]]:
    found = preview(to)
    assert found.mistakes == []
    done = roll_back(to, shown=found.digest)
    assert done.changes == found.changes
    return said(done.changes)


def said(changes: list[RowChange]) -> list[tuple[str, str, str]]:
    return [(change.action, change.kind, change.name) for change in changes]


def test_a_version_is_a_whole_transaction() -> None:
    provider = make_provider()
    with transaction.atomic():
        make_model(provider, "one")
        make_model(provider, "two")

    last, before = versions(size=2)

    assert len(last.entries) == 2
    assert last.number > before.number + 1
    assert version(last.number - 1) == version(last.number)


def test_what_changed_is_what_it_was() -> None:
    provider = make_provider(headers={"x-a": "1"})
    alias = make_alias("fast", make_model(provider, "one"), make_model(provider, "two"))
    project = ProjectFactory.create(default_alias="fast")
    budget = Budget.objects.create(project=project, amount_usd=Decimal("5.5"))
    limit = Limit.objects.create(
        project=project, metric="requests", amount=7, per="minute"
    )
    good = now()
    Provider.objects.filter(pk=provider.pk).update(headers={}, name="Other", slug="b")
    AIModel.objects.update(active=False)
    AliasTarget.objects.update(weight=1)
    Budget.objects.update(amount_usd=0)
    Limit.objects.update(amount=1)
    Project.objects.filter(pk=project.pk).update(capture=True, strict_params=True)

    went = go_back(good)

    assert {action for action, _, _ in went} == {"change"}
    provider.refresh_from_db()
    assert (provider.headers, provider.name, provider.slug) == (
        {"x-a": "1"},
        "Acme",
        "acme",
    )
    assert AIModel.objects.filter(active=True).count() == 2
    assert {target.weight for target in alias.targets.all()} == {100}
    budget.refresh_from_db()
    limit.refresh_from_db()
    project.refresh_from_db()
    assert (budget.amount_usd, limit.amount) == (Decimal("5.5"), 7)
    assert not project.capture
    assert not project.strict_params
    assert compare(good, None) == []


def test_deleted_rows_come_back_with_their_ids_and_new_ones_go() -> None:
    provider = make_provider()
    model = make_model(provider, "one")
    alias = make_alias("fast", model)
    target = alias.targets.get()
    good = now()
    alias.delete()
    Endpoint.objects.all().delete()
    model.delete()
    Provider.objects.all().delete()
    # In the way of the old ones by their names.
    again = make_provider()
    make_alias("fast", make_model(again, "one"))

    go_back(good)

    assert Provider.objects.get().pk == provider.pk
    assert AIModel.objects.get().pk == target.model_id
    assert AliasTarget.objects.get().pk == target.pk
    assert compare(good, None) == []


def test_what_cannot_be_deleted_is_switched_off_and_says_why() -> None:
    provider = make_provider()
    make_alias("fast", make_model(provider, "one"))
    good = now()
    priced = make_model(provider, "priced")
    make_price(priced)
    Organization.objects.create(slug="empty", name="Empty")
    project = ProjectFactory.create()

    found = preview(good)
    went = go_back(good)

    priced.refresh_from_db()
    project.refresh_from_db()
    project.organization.refresh_from_db()
    assert not priced.active
    assert not project.active
    assert not project.organization.active
    assert ("delete", "organization", "empty") in went
    whys = {change.name: change.why for change in found.changes}
    assert whys["acme/priced"] == "a price refers to it"
    assert whys[str(project)] == "its usage keeps its name"


def test_keys_and_prices_stay() -> None:
    project = ProjectFactory.create()
    model = make_model(make_provider())
    good = now()
    make_price(model)
    key = ApiKey.issue(project, "late")[0]

    assert go_back(good) == []
    key.refresh_from_db()
    assert model.prices.count() == 1


def test_secrets_are_neither_brought_back_nor_presented_elsewhere() -> None:
    provider, other = make_provider(), make_provider("other")
    kept = Credential(provider=provider, name="kept")
    kept.put("sk-first")
    kept.save()
    lost = Credential(provider=provider, name="lost")
    lost.put("sk-lost")
    lost.save()
    from_env = Credential.objects.create(
        provider=provider, name="env", env_name="ACME_KEY"
    )
    good = now()
    kept.provider, kept.name = other, "renamed"
    kept.put("sk-of-the-other")
    kept.save()
    lost.delete()
    from_env.delete()
    fresh = Credential(provider=provider, name="fresh")
    fresh.put("sk-fresh")
    fresh.save()

    found = preview(good)
    go_back(good)

    kept.refresh_from_db()
    fresh.refresh_from_db()
    assert (kept.name, kept.provider) == ("kept", other)
    assert not fresh.active
    assert fresh.reveal() is not None
    assert not Credential.objects.filter(name="lost").exists()
    assert Credential.objects.get(name="env").env_name == "ACME_KEY"
    whys = [change.why for change in found.kept]
    assert whys == [
        "stays: bound to the secret that it has now",
        "not brought back: its secret is in no history: enter it anew",
    ]


def test_a_channel_is_restored_though_it_announces_no_version() -> None:
    channel = NotificationChannel.objects.create(
        name="ops", kind="email", address="ops@acme.example"
    )
    make_provider()
    good = now()
    channel.address = "nobody@acme.example"
    channel.save()

    assert go_back(good) == [("change", "notification channel", "ops (email)")]
    channel.refresh_from_db()
    assert channel.address == "ops@acme.example"


def test_what_would_not_hang_together_is_refused() -> None:
    provider = make_provider()
    alias = make_alias("fast", make_model(provider, "one"))
    project = ProjectFactory.create()
    good = now()
    Alias.objects.filter(pk=alias.pk).update(name="quick")
    Project.objects.filter(pk=project.pk).update(default_alias="quick")
    later = now()
    Project.objects.filter(pk=project.pk).update(default_alias="")
    assert preview(good).mistakes == []
    AliasTarget.objects.all().delete()
    make_alias("other", AIModel.objects.get())
    Limit.objects.create(project=project, metric="requests", amount=1, per="day")

    # A version that nobody could have saved by the admin's pages.
    with connection.cursor() as cursor:
        cursor.execute("UPDATE tenants_project SET time_zone = 'Nowhere'")
    bad = now()
    Project.objects.update(time_zone="UTC")

    found = preview(bad)
    assert len(found.mistakes) == 1
    assert "time_zone" in found.mistakes[0]
    with pytest.raises(RollbackRefused):
        roll_back(bad, shown=found.digest)
    assert Project.objects.get().time_zone == "UTC"
    assert preview(later).mistakes == []


def test_nothing_else_is_done_than_what_was_shown() -> None:
    provider = make_provider()
    good = now()
    Provider.objects.update(name="Other")
    shown = preview(good).digest
    Provider.objects.update(region="eu")

    with pytest.raises(RollbackRefused, match="meanwhile"):
        roll_back(good, shown=shown)
    provider.refresh_from_db()
    assert provider.name == "Other"


def test_rolling_back_is_audited_and_can_be_rolled_back() -> None:
    provider = make_provider()
    good = now()
    Provider.objects.update(name="Other")
    bad = now()
    go_back(good)

    newest_one = versions(size=1)[0]
    assert [entry.name for entry in newest_one.entries] == ["acme"]
    go_back(bad)
    provider.refresh_from_db()
    assert provider.name == "Other"


def test_transactions_at_the_same_time_belong_to_a_version_whole_or_not_at_all() -> (
    None
):
    one, two = make_provider("one"), make_provider("two")
    first_wrote, second_done = threading.Event(), threading.Event()

    def first() -> None:
        try:
            with transaction.atomic():
                Provider.objects.filter(pk=one.pk).update(name="a1")
                first_wrote.set()
                assert second_done.wait(10)
                Provider.objects.filter(pk=one.pk).update(region="a2")
        finally:
            connection.close()

    thread = threading.Thread(target=first)
    thread.start()
    assert first_wrote.wait(10)
    Provider.objects.filter(pk=two.pk).update(name="b")
    inner = now()
    second_done.set()
    thread.join(10)
    outer = now()

    assert outer.number > inner.number
    # The change of the other transaction has the smaller id, and is the later version.
    assert said(compare(inner, outer)) == [("change", "provider", "one")]
    assert version(inner.number - 1) == outer
    go_back(inner)
    one.refresh_from_db()
    two.refresh_from_db()
    assert (one.name, one.region, two.name) == ("One", "", "b")


def test_a_version_that_is_not_there_says_so() -> None:
    with pytest.raises(NoVersion, match="no version 0"):
        version(0)


def test_going_back_over_thousands_of_rows_takes_seconds() -> None:
    provider = make_provider()
    AIModel.objects.bulk_create(
        AIModel(provider=provider, model_id=f"m{number}") for number in range(2_000)
    )
    good = now()
    AIModel.objects.update(active=False)
    shown = preview(good).digest

    began = time.monotonic()
    done = roll_back(good, shown=shown)

    assert len(done.changes) == 2_000
    # It takes two; a machine may be busy.
    assert time.monotonic() - began < 30
