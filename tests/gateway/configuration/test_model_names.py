"""What the names of models stand for: own and shared ones, fine-tunes, successors."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from django.test.utils import override_settings

from gateway.candidates import candidates_for
from gateway.configuration.fine_tunes import base_ids
from gateway.configuration.model_names import models_named
from gateway.configuration.model_records import ModelRow
from gateway.configuration.own_models import OwnModels
from gateway.configuration.records import (
    Catalog,
    ModelRecord,
    ProjectRecord,
    ProviderRecord,
)
from gateway.model_lists import entries_for, entry_for
from gateway.refusals import UnknownModel
from gateway.selection.choices import choice_for
from tests.gateway import records
from tests.gateway.records import PROJECT, PROVIDER, alias, catalog, model, target

NOBODY_ELSES: Mapping[int, ProviderRecord] = {}
TODAY = datetime.now(UTC).date()
# It may be midnight in between.
SOON = TODAY + timedelta(days=2)
YESTERDAY = TODAY - timedelta(days=1)


def row(number: int, model_id: str, provider: ProviderRecord = PROVIDER) -> ModelRow:
    return ModelRow(
        number, provider.id, model_id, ["chat"], ["text"], None, None, None, None, None
    )


def owner_of(
    *rows: ModelRow, providers: Sequence[ProviderRecord] = ()
) -> ProjectRecord:
    sheet = model(90).prices
    own = OwnModels([(each, sheet) for each in rows], {p.id: p for p in providers})
    return replace(PROJECT, own_models=own)


def names(found: Sequence[ModelRecord]) -> list[str]:
    return [each.name for each in found]


def test_a_private_model_is_found_by_its_project_alone() -> None:
    shared = catalog([model(1)])
    owner = owner_of(row(7, "secret-tune"))

    assert names(models_named("acme/secret-tune", owner, shared)) == [
        "acme/secret-tune"
    ]
    assert names(models_named("secret-tune", owner, shared)) == ["acme/secret-tune"]
    assert models_named("secret-tune", PROJECT, shared) == ()
    with pytest.raises(UnknownModel):
        choice_for("acme/secret-tune", PROJECT, shared)


def test_a_private_model_is_listed_for_its_project_alone() -> None:
    shared = catalog([model(1)])
    owner = owner_of(row(7, "secret-tune"))

    assert [entry.name for entry in entries_for(owner, shared)] == [
        "acme/m1",
        "acme/secret-tune",
    ]
    assert [entry.name for entry in entries_for(PROJECT, shared)] == ["acme/m1"]
    assert entry_for("secret-tune", owner, shared) is not None
    assert entry_for("secret-tune", PROJECT, shared) is None


def test_a_projects_own_provider_is_not_the_catalogs() -> None:
    own = records.provider("garage", 9, auth_kind="none")
    owner = owner_of(row(7, "llama", own), providers=[own])

    [found] = candidates_for(records.request("llama"), owner, catalog([])).able

    assert found.model.name == "garage/llama"


def test_an_alias_of_the_project_may_stand_for_its_private_model() -> None:
    owner = owner_of(row(7, "secret-tune"))
    own_alias = alias("mine", target(model(7)))
    owner = replace(owner, aliases={"mine": own_alias}, aliases_by_pk={1: own_alias})

    [member] = choice_for("mine", owner, catalog([model(1)])).members

    assert member[0].name == "acme/secret-tune"


def test_a_global_alias_leads_to_nobodys_private_model() -> None:
    shared = catalog([model(1)], [alias("fast", target(model(7)), target(model(1)))])

    members = choice_for("fast", PROJECT, shared).members

    assert [member[0].name for member in members] == ["acme/m1"]


def test_a_private_model_follows_the_provider_that_all_share() -> None:
    owner = owner_of(row(7, "secret-tune"))
    before, after = (
        catalog([model(1, replace(PROVIDER, base_url=f"https://{host}.example"))])
        for host in ("old", "new")
    )

    [old] = models_named("secret-tune", owner, before)
    [new] = models_named("secret-tune", owner, after)

    assert old.provider.base_url == "https://old.example"
    assert new.provider.base_url == "https://new.example"
    # One record for one catalog: what is put together for it is kept.
    assert models_named("secret-tune", owner, after) == (new,)
    assert models_named("secret-tune", owner, after)[0] is new


def test_of_several_providers_those_with_a_key_are_meant() -> None:
    without = records.provider("bare", 2, credentials=())
    shared = catalog([model(1, model_id="gpt"), model(2, without, model_id="gpt")])

    assert names(models_named("gpt", PROJECT, shared)) == ["acme/gpt"]


@pytest.mark.parametrize(
    ("preferred", "meant"),
    [
        ("", ["acme/gpt", "other/gpt"]),
        ("other", ["other/gpt"]),
        ("bare", ["acme/gpt", "other/gpt"]),
        ("unknown", ["acme/gpt", "other/gpt"]),
    ],
)
def test_where_several_have_a_key_the_default_provider_is_meant(
    preferred: str, meant: list[str]
) -> None:
    other = records.provider("other", 2)
    bare = records.provider("bare", 3, credentials=())
    shared = catalog(
        [
            model(at, each, model_id="gpt")
            for at, each in enumerate((PROVIDER, other, bare))
        ]
    )

    with override_settings(DEFAULT_PROVIDER=preferred):
        assert names(models_named("gpt", PROJECT, shared)) == meant


@pytest.mark.parametrize(
    ("model_id", "bases"),
    [
        (
            "ft:gpt-4o-mini-2024-07-18:org::id",
            ("gpt-4o-mini-2024-07-18", "gpt-4o-mini"),
        ),
        ("ft:gpt-3.5-turbo-0125:org:name:id", ("gpt-3.5-turbo-0125", "gpt-3.5-turbo")),
        ("ft:small:1", ("small",)),
        ("ft:small", ()),
        ("ft::org", ()),
        ("gpt-4o-mini-2024-07-18", ()),
    ],
)
def test_the_base_of_a_fine_tuned_model_stands_in_its_id(
    model_id: str, bases: tuple[str, ...]
) -> None:
    assert base_ids(model_id) == bases


TUNED = "ft:gpt-4o-mini-2024-07-18:org::id"
BASE = model(1, model_id="gpt-4o-mini", deprecated_on=YESTERDAY, successor_id=2)


@pytest.mark.parametrize("name", [TUNED, f"acme/{TUNED}"])
def test_a_fine_tuned_model_without_a_row_is_served_and_priced_as_its_base(
    name: str,
) -> None:
    shared = catalog([BASE, model(2)])

    [found] = models_named(name, PROJECT, shared)

    assert (found.model_id, found.provider) == (TUNED, PROVIDER)
    assert found.prices == BASE.prices
    assert models_named(name, PROJECT, shared)[0] is found


def test_a_fine_tuned_model_that_is_anothers_is_nobody_elses() -> None:
    shared = replace(catalog([BASE]), fine_tunes=frozenset({TUNED}))

    assert models_named(TUNED, PROJECT, shared) == ()
    assert names(models_named(TUNED, owner_of(row(7, TUNED)), shared)) == [
        f"acme/{TUNED}"
    ]


@pytest.mark.parametrize(
    "name", ["ft:unknown:org::id", f"other/{TUNED}", "ft:gpt-4o-mini", "acme/ft:"]
)
def test_a_fine_tuned_model_of_nothing_known_is_unknown(name: str) -> None:
    assert models_named(name, PROJECT, catalog([BASE])) == ()


def test_a_private_fine_tuned_model_without_prices_costs_what_its_base_does() -> None:
    own = OwnModels([(row(7, TUNED), ())], NOBODY_ELSES)
    owner = replace(PROJECT, own_models=own)

    [found] = models_named(TUNED, owner, catalog([BASE]))

    assert found.prices == BASE.prices


def retiring(on: date | None) -> Catalog:
    return catalog(
        [model(1, deprecated_on=on, successor_id=2), model(2)],
        [alias("fast", target(model(1)))],
    )


@pytest.mark.parametrize("name", ["acme/m1", "m1", "fast"])
@pytest.mark.parametrize(
    ("on", "answers"),
    [(None, "acme/m1"), (SOON, "acme/m1"), (YESTERDAY, "acme/m2")],
)
def test_from_its_last_day_on_the_successor_answers_for_a_model(
    name: str, on: date | None, answers: str
) -> None:
    [member] = choice_for(name, PROJECT, retiring(on)).members

    assert member[0].name == answers


def test_a_successor_that_is_a_target_as_well_is_asked_once() -> None:
    old = model(1, deprecated_on=YESTERDAY, successor_id=2)
    fast = alias("fast", target(model(2), priority=5), target(old, priority=1))

    members = choice_for("fast", PROJECT, catalog([old, model(2)], [fast])).members

    assert [(each[0].name, each[1]) for each in members] == [("acme/m2", 1)]


def test_a_retired_model_without_a_successor_is_asked_still() -> None:
    shared = catalog([model(1, deprecated_on=YESTERDAY, successor_id=3)])

    assert names(models_named("m1", PROJECT, shared)) == ["acme/m1"]


def test_successors_that_lead_back_end_somewhere() -> None:
    shared = catalog(
        [
            model(1, deprecated_on=YESTERDAY, successor_id=2),
            model(2, deprecated_on=YESTERDAY, successor_id=1),
        ]
    )

    assert len(models_named("m1", PROJECT, shared)) == 1
