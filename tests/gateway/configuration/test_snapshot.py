"""What the snapshot holds, and how soon it follows a change."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from functools import partial

import pytest
import pytest_asyncio
from django.db import transaction
from django.utils import timezone

from catalog.models import AIModel, Alias, AliasTarget, Price, Provider
from gateway.configuration.records import MISSING, KeyRecord
from gateway.configuration.snapshot import Snapshot
from tenants.models import ApiKey, Limit, Organization, Project
from tests.gateway.rows import (
    caught_up,
    commit,
    make_alias,
    make_key,
    make_model,
    make_price,
    make_project,
    make_provider,
    run_sql,
    seconds_until,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.asyncio]


@pytest.fixture
def model(transactional_db: None) -> AIModel:
    return make_model(make_provider())


@pytest.fixture
def project(transactional_db: None) -> Project:
    return make_project()


@pytest.fixture
def key(project: Project) -> ApiKey:
    return make_key(project)


@pytest_asyncio.fixture
async def snapshot(transactional_db: None) -> AsyncIterator[Snapshot]:
    """Rows made before are in it: name their fixtures first."""
    running = Snapshot()
    await running.start()
    yield running
    await running.stop()


async def load(snapshot: Snapshot, key: ApiKey) -> KeyRecord:
    record = await snapshot.load_key(key.key_id)
    assert record is not None
    return record


async def test_a_started_snapshot_holds_the_whole_catalog(
    model: AIModel, snapshot: Snapshot
) -> None:
    catalog = snapshot.catalog

    found = catalog.models_by_name["acme/large"]
    assert catalog.models[model.pk] is found
    assert catalog.models_by_id["large"] == (found,)
    assert found.provider is catalog.providers["acme"]
    assert found.provider.base_url == "https://api.acme.example"
    assert [each.handler for each in found.provider.endpoints["chat"]] == [
        "openai_chat"
    ]
    assert snapshot.version == catalog.version > 0
    assert snapshot.is_ready
    assert not snapshot.is_stale


CHANGES: dict[str, Callable[[], object]] = {
    "the ORM": lambda: Provider.objects.get().save(),
    "a bulk update": lambda: AIModel.objects.update(context_window=7),
    "plain SQL": lambda: run_sql("UPDATE catalog_provider SET region = 'eu'"),
    "a deletion": lambda: AliasTarget.objects.all().delete(),
    "TRUNCATE": lambda: run_sql("TRUNCATE catalog_price CASCADE"),
    "TRUNCATE of a tenant table": lambda: run_sql("TRUNCATE catalog_alias CASCADE"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=list(CHANGES))
async def test_a_change_of_the_catalog_is_seen_within_a_second(
    model: AIModel, change: Callable[[], object]
) -> None:
    await commit(lambda: make_alias("fast", model))
    snapshot = Snapshot()
    await snapshot.start()
    before = snapshot.catalog

    await commit(change)

    await seconds_until(lambda: snapshot.catalog is not before, at_most=1.0)
    assert snapshot.catalog.version > before.version
    await snapshot.stop()


async def test_every_one_of_many_changes_is_seen_within_a_second(
    model: AIModel, snapshot: Snapshot
) -> None:
    async def change(window: int) -> None:
        await commit(lambda: AIModel.objects.update(context_window=window))

        await seconds_until(
            lambda: snapshot.catalog.models[model.pk].context_window == window,
            at_most=1.0,
        )

    for window in range(1, 11):
        await change(window)


async def test_what_is_not_active_is_not_in_the_catalog(
    model: AIModel, snapshot: Snapshot
) -> None:
    await commit(lambda: Provider.objects.update(active=False))

    await seconds_until(lambda: not snapshot.catalog.models, at_most=1.0)
    assert snapshot.catalog.providers == {}
    assert snapshot.catalog.models_by_id == {}


async def test_aliases_keep_their_targets_in_order(
    model: AIModel, snapshot: Snapshot
) -> None:
    def change() -> None:
        other = make_model(model.provider, "small")
        alias = make_alias("fast", model)
        AliasTarget.objects.create(alias=alias, model=other, priority=0)
        AliasTarget.objects.create(
            alias=alias, via=make_alias("fallback", model), priority=2, active=False
        )

    await commit(change)

    await caught_up(snapshot)
    names = [
        snapshot.catalog.models[target.model_id or 0].name
        for target in snapshot.catalog.aliases["fast"].targets
    ]
    assert names == ["acme/small", "acme/large"]
    assert set(snapshot.catalog.aliases_by_pk) == set(
        await commit(lambda: list(Alias.objects.values_list("pk", flat=True)))
    )


async def test_a_price_takes_effect_by_itself(model: AIModel) -> None:
    def prices() -> tuple[Price, Price, Price]:
        later = timezone.now() + timedelta(hours=1)
        return (
            make_price(model, "input", "2.00"),
            make_price(model, "output", "6.00"),
            make_price(model, "input", "1.00", valid_from=later),
        )

    now, output, later = await commit(prices)
    snapshot = Snapshot()
    await snapshot.start()
    record = snapshot.catalog.models[model.pk]
    await snapshot.stop()

    current = record.sheet_at(time.time())
    future = record.sheet_at(time.time() + 3601)

    assert current is not None
    assert future is not None
    assert current.tiers[0].rates["input"].price_id == now.pk
    assert future.tiers[0].rates["input"].price_id == later.pk
    assert future.tiers[0].rates["output"].price_id == output.pk
    assert str(current.tiers[0].rates["input"].usd) == "0.000002000000"
    assert record.sheet_at(0.0) is None


async def test_a_price_of_long_ago_is_in_force_and_replaced_ones_are_not_read(
    model: AIModel,
) -> None:
    def prices() -> Price:
        make_price(model, per_million="3.00")
        return make_price(
            model, per_million="2.00", valid_from=timezone.now() - timedelta(days=30)
        )

    current = await commit(prices)
    snapshot = Snapshot()
    await snapshot.start()
    record = snapshot.catalog.models[model.pk]
    await snapshot.stop()

    assert len(record.prices) == 1
    sheet = record.sheet_at(time.time())
    assert sheet is not None
    assert sheet.tiers[0].rates["input"].price_id == current.pk


async def test_a_key_is_read_on_first_use_and_then_kept(
    key: ApiKey, project: Project, snapshot: Snapshot
) -> None:
    def limits() -> None:
        Limit.objects.create(
            project=project, metric="requests", amount=60, per="minute"
        )
        Limit.objects.create(
            project=project, api_key=key, metric="concurrency", amount=2, per=""
        )

    await commit(limits)
    await caught_up(snapshot)
    assert snapshot.known_key(key.key_id) is None

    record = await load(snapshot, key)

    assert snapshot.known_key(key.key_id) is record
    assert record.digest == bytes(key.digest)
    assert record.project.slug == "acorn"
    assert [(each.amount, each.per_s) for each in record.project.limits] == [(60, 60)]
    assert [(each.amount, each.per_s) for each in record.limits] == [(2, 0)]
    assert record.limits[0].key_pk == key.pk


async def test_keys_of_a_project_share_its_record(
    key: ApiKey, project: Project, snapshot: Snapshot
) -> None:
    other = await commit(lambda: make_key(project))
    await caught_up(snapshot)

    first = await load(snapshot, key)
    second = await load(snapshot, other)

    assert first.project is second.project


async def test_a_project_has_its_own_aliases(
    model: AIModel, key: ApiKey, project: Project, snapshot: Snapshot
) -> None:
    alias = await commit(lambda: make_alias("fast", model, project=project))

    record = await load(snapshot, key)

    assert record.project.aliases["fast"].targets[0].model_id == model.pk
    assert record.project.aliases_by_pk.keys() == {alias.pk}
    assert snapshot.catalog.aliases == {}


def revoke_by_orm(key: ApiKey) -> None:
    ApiKey.objects.get(pk=key.pk).revoke()


def revoke_by_sql(key: ApiKey) -> None:
    run_sql("UPDATE tenants_apikey SET revoked_at = now()")


def delete_key(key: ApiKey) -> None:
    ApiKey.objects.filter(pk=key.pk).delete()


def close_project(key: ApiKey) -> None:
    Project.objects.update(active=False)


def close_organization(key: ApiKey) -> None:
    Organization.objects.update(active=False)


@pytest.mark.parametrize(
    "end", [revoke_by_orm, revoke_by_sql, delete_key, close_project, close_organization]
)
async def test_a_key_that_ended_stops_within_two_seconds(
    key: ApiKey, snapshot: Snapshot, end: Callable[[ApiKey], None]
) -> None:
    await load(snapshot, key)

    await commit(lambda: end(key))

    await seconds_until(lambda: snapshot.known_key(key.key_id) is None, at_most=2.0)
    assert await snapshot.load_key(key.key_id) is None
    assert snapshot.known_key(key.key_id) is MISSING


async def test_changes_of_one_project_leave_the_others_in_memory(
    key: ApiKey, snapshot: Snapshot
) -> None:
    other = await commit(lambda: make_key(make_project("birch")))
    await caught_up(snapshot)
    await load(snapshot, key)
    await load(snapshot, other)

    await commit(lambda: Project.objects.filter(slug="birch").update(name="Birch 2"))

    await seconds_until(lambda: snapshot.known_key(other.key_id) is None, at_most=1.0)
    assert snapshot.known_key(key.key_id) is not None


async def test_a_new_key_works_at_once(project: Project, snapshot: Snapshot) -> None:
    for _ in range(5):
        key = await commit(lambda: make_key(project))

        assert snapshot.known_key(key.key_id) is None
        assert await snapshot.load_key(key.key_id) is not None


async def test_a_miss_is_remembered_for_a_second_at_most(snapshot: Snapshot) -> None:
    assert await snapshot.load_key("nobody") is None
    assert snapshot.known_key("nobody") is MISSING

    await seconds_until(lambda: snapshot.known_key("nobody") is None, at_most=1.1)


async def test_a_miss_is_forgotten_when_a_key_is_made(
    key: ApiKey, project: Project, snapshot: Snapshot
) -> None:
    assert await snapshot.load_key("nobody") is None

    await commit(lambda: make_key(project))

    await seconds_until(lambda: snapshot.known_key("nobody") is None, at_most=0.5)


async def test_a_project_and_its_new_model_appear_together(
    key: ApiKey, project: Project, snapshot: Snapshot
) -> None:
    model = await commit(
        lambda: make_alias(
            "fast", make_model(make_provider()), project=project
        ).targets.get()
    )

    record = await load(snapshot, key)

    assert record.project.aliases["fast"].targets[0].model_id == model.model_id
    assert model.model_id in snapshot.catalog.models


async def test_a_project_in_memory_never_runs_ahead_of_the_catalog(
    key: ApiKey, project: Project, snapshot: Snapshot
) -> None:
    await load(snapshot, key)

    def change() -> None:
        with transaction.atomic():
            make_alias("fast", make_model(make_provider()), project=project)

    changing = asyncio.create_task(commit(change))

    async def has_alias() -> bool:
        record = snapshot.known_key(key.key_id) or await load(snapshot, key)
        assert isinstance(record, KeyRecord)
        aliases = record.project.aliases.values()
        targets = [target for alias in aliases for target in alias.targets]
        assert all(target.model_id in snapshot.catalog.models for target in targets)
        return bool(targets)

    while not await has_alias():
        await asyncio.sleep(0.001)
    await changing


async def test_keys_that_were_used_last_are_known_before_they_are_asked_for(
    project: Project, snapshot: Snapshot
) -> None:
    keys = [await commit(partial(make_key, project)) for _ in range(3)]
    await commit(keys[0].revoke)
    await caught_up(snapshot)

    await snapshot.recall_keys()

    known = [snapshot.known_key(key.key_id) for key in keys]
    assert [type(each) for each in known] == [type(None), KeyRecord, KeyRecord]


async def test_a_database_that_is_away_has_nothing_to_recall(
    snapshot: Snapshot,
) -> None:
    snapshot.database_lost()

    await snapshot.recall_keys()

    assert snapshot.key_count == 0
