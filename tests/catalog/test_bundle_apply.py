import threading
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pghistory.models
import pytest
from django.db import connection, transaction
from django.utils import timezone

from catalog.bundle import Action, BundleRefused, apply_bundle, plan_bundle
from catalog.bundle.document import Document
from catalog.models import (
    AIModel,
    Alias,
    AliasTarget,
    Credential,
    Endpoint,
    Price,
    Provider,
)
from tenants.models import ApiKey, Budget, ConfigChange, Limit, Organization, Project
from tests.catalog.bundles import alias, bundle, example, model, project, provider

pytestmark = pytest.mark.django_db


def apply(document: object, **options: Any) -> Any:
    return apply_bundle(document, actor="a test", **options)


def mistakes(document: object, **options: Any) -> list[str]:
    with pytest.raises(BundleRefused) as refused:
        apply(document, **options)
    return [str(mistake) for mistake in refused.value.mistakes]


def test_the_documented_example_applies_as_it_stands() -> None:
    apply(example())

    acme = Provider.objects.get(slug="acme")
    assert acme.handler == "openai_chat"
    assert acme.rename_params == {"max_completion_tokens": "max_tokens"}
    assert Credential.objects.get(provider=acme).env_name == "ACME_API_KEY"
    assert Endpoint.objects.get(provider=acme).pattern == "/v1/chat/completions"
    assert list(Price.objects.order_by("id").values_list("per_million", flat=True)) == [
        Decimal(2),
        Decimal(6),
    ]
    assert str(AliasTarget.objects.get(alias__name="fast")) == "acme/acme-large-2"
    nicestory = Project.objects.get(slug="nicestory")
    assert nicestory.organization.slug == "default"
    assert Limit.objects.for_project(nicestory).count() == 3
    assert Budget.objects.get(project=nicestory).amount_usd == Decimal(50)


def test_applying_twice_changes_nothing() -> None:
    apply(example())
    changes = ConfigChange.objects.count()
    events = pghistory.models.Events.objects.count()

    plan = apply(example())

    assert plan.is_empty
    assert plan.unchanged == 13
    assert ConfigChange.objects.count() == changes
    assert pghistory.models.Events.objects.count() == events


def test_a_plan_changes_nothing() -> None:
    changes = ConfigChange.objects.count()

    plan = plan_bundle(example())

    assert plan.count(Action.CREATE) == 14
    assert not Provider.objects.exists()
    assert ConfigChange.objects.count() == changes


def test_a_plan_names_the_fields_that_differ() -> None:
    apply(example())

    plan = plan_bundle(bundle(providers=[provider(name="Acme", region="us")]))

    [change] = plan.changes
    assert change.action is Action.CHANGE
    assert [(d.name, d.before, d.after) for d in change.differences] == [
        ("name", "Acme AI", "Acme"),
        ("region", "eu", "us"),
    ]


def test_every_mistake_is_reported_at_once_with_its_place() -> None:
    found = mistakes(
        {
            "providers": [
                {
                    "slug": "a b",
                    "base_url": "ftp://x",
                    "handler": "openai_cha",
                    "bse_url": "",
                    "active": "yes",
                }
            ],
            "endpoints": [{"provider": "acme", "operation": "chat", "pattern": "v1"}],
            "aliases": [{"name": "x", "targets": [{"model": "acme/large"}]}],
            "projects": [
                {
                    "slug": "p",
                    "time_zone": "Mars",
                    "limits": [{"metric": "requests", "amount": 5}],
                }
            ],
            "foo": [],
        }
    )

    assert sorted(line.split(": ")[0] for line in found) == [
        "aliases[0].targets[0].model",
        "endpoints[0].pattern",
        "endpoints[0].provider",
        "foo",
        "projects[0].limits[0]",
        "projects[0].time_zone",
        "providers[0].active",
        "providers[0].base_url",
        "providers[0].bse_url",
        "providers[0].handler",
        "providers[0].slug",
    ]


def test_a_mistake_says_what_may_have_been_meant() -> None:
    wrong = bundle(aliases=[alias(targets=[{"model": "acme/acme-large-9"}])])

    [line] = mistakes(wrong)

    assert line == (
        "aliases[0].targets[0].model: no model acme/acme-large-9; "
        "did you mean acme/acme-large-2?"
    )


def test_a_refused_bundle_leaves_nothing_behind() -> None:
    mistakes(bundle(projects=[project(default_alias="fasst")]))

    assert not Provider.objects.exists()
    assert not Organization.objects.exists()


@pytest.mark.parametrize(
    ("section", "item", "message"),
    [
        ("providers", provider(handler="os.system"), "no handler 'os.system'"),
        ("providers", provider(credential="sk-secret"), "never the key itself"),
        ("providers", provider(headers={"A": "b\r\nC: d"}), "printable text"),
        ("providers", provider(name="\x00"), "cannot be stored"),
        ("providers", provider(timeouts={"idle": 3}), "did you mean idle_s?"),
        ("models", model(context_window="big"), "should be a whole number"),
        ("models", model(context_window=10**12), "less than or equal to"),
        ("models", model(operations=["chatt"]), "did you mean chat?"),
        ("models", model(deprecated_on="soon"), "should be a date"),
        ("models", model(successor="acme/none"), "no model acme/none"),
        ("models", model(successor="acme-large-2"), "lead back to this model"),
        ("models", model(prices={}), "should be a list"),
        ("models", model(operations=["embeddings"]), "does not serve chat"),
        ("aliases", alias(targets=[]), "needs at least one entry"),
        ("aliases", alias(targets=[{"priority": 1}]), "name either a model or"),
        ("aliases", alias(targets=[{"via": "fast"}]), "that would be a loop"),
        ("aliases", alias(defaults={"x": float("inf")}), "JSON cannot hold"),
        ("aliases", alias(project="nobody"), "no project nobody"),
        ("projects", project(auto_approve_threshold_usd="-1"), "greater than"),
        ("projects", project(limits=[{"metric": "tokens"}]), "is missing"),
        ("projects", project(budgets=[{"amount_usd": "1.00001"}]), "4 decimal"),
        ("projects", project(name=7), "put it in quotes"),
    ],
)
def test_what_is_not_valid_is_refused(
    section: str, item: dict[str, Any], message: str
) -> None:
    found = mistakes(bundle(**{section: [item]}))

    assert any(message in line for line in found), found
    assert all(line.startswith((section, "projects", "aliases")) for line in found)


def test_a_price_is_never_edited() -> None:
    apply(example())
    dearer = {"component": "input", "per_million": "3", "valid_from": "2026-01-01"}

    [line] = mistakes(bundle(models=[model(prices=[dearer])]))

    assert line.startswith("models[0].prices[0].per_million: is 2.00 from 2026-01-01")
    assert "later valid_from" in line


def test_a_price_with_a_later_date_is_added() -> None:
    apply(example())
    dearer = {"component": "input", "per_million": "3", "valid_from": "2026-06-01"}

    plan = apply(bundle(models=[model(prices=[dearer])]))

    assert plan.count(Action.CREATE) == len(plan.changes) == 1
    assert Price.objects.filter(component="input").count() == 2


def test_prices_have_tiers_and_units() -> None:
    prices = [
        {"component": "input", "per_million": 1, "valid_from": "2026-01-01"},
        {
            "component": "input",
            "min_input_tokens": 272000,
            "per_million": 2.5,
            "valid_from": "2026-01-01",
        },
        {"component": "image", "per_unit": "0.04", "valid_from": "2026-01-01"},
    ]

    apply(bundle(models=[model(prices=prices)]))

    assert set(Price.objects.values_list("min_input_tokens", "per_million")) == {
        (0, Decimal(1)),
        (272000, Decimal("2.5")),
        (0, None),
    }


def test_the_targets_of_an_alias_are_the_whole_list() -> None:
    models = [model(), model(model_id="acme-small-1")]
    apply(bundle(models=models))

    plan = apply(
        bundle(models=models, aliases=[alias(targets=[{"model": "acme/acme-small-1"}])])
    )

    assert str(AliasTarget.objects.get()) == "acme/acme-small-1"
    assert [change.action for change in plan.changes] == [Action.DELETE, Action.CREATE]


def test_an_alias_may_lead_to_another_one() -> None:
    apply(bundle(aliases=[alias(name="best", targets=[{"via": "fast"}]), alias()]))

    [target] = AliasTarget.objects.filter(alias__name="best")
    assert target.via is not None
    assert target.via.name == "fast"


def test_a_loop_of_aliases_is_refused() -> None:
    apply(bundle(aliases=[alias(), alias(name="best", targets=[{"via": "fast"}])]))

    [line] = mistakes({"aliases": [alias(targets=[{"via": "best"}])]})

    assert "that would be a loop" in line


def test_turning_a_chain_of_aliases_around_is_no_loop() -> None:
    own = [{"model": "acme/acme-large-2"}]
    b = alias(name="b", targets=[{"via": "fast"}])
    apply(bundle(aliases=[alias(targets=own), b]))

    apply({"aliases": [alias(targets=[{"via": "b"}]), {**b, "targets": own}]})

    [target] = AliasTarget.objects.filter(alias__name="fast")
    assert target.via is not None


def test_a_projects_own_alias_goes_before_the_global_one() -> None:
    names = ("fast", "smart")
    own = [alias(name=name, project="nicestory") for name in names]
    own[0]["targets"] = [{"via": "fast"}]
    own[1]["targets"] = [{"via": "fast"}]

    apply(bundle(aliases=[alias(), *own]))

    led_to = {
        target.alias.name: target.via.project_id
        for target in AliasTarget.objects.filter(via__isnull=False)
        if target.via is not None
    }
    assert led_to["fast"] is None
    assert led_to["smart"] is not None


def test_models_may_succeed_one_another_in_any_order() -> None:
    models = [
        model(successor="acme-large-3"),
        model(model_id="acme-large-3", successor="acme/acme-large-4"),
        model(model_id="acme-large-4"),
    ]

    apply(bundle(models=models))

    assert str(AIModel.objects.get(model_id="acme-large-2").successor) == (
        "acme/acme-large-3"
    )
    assert apply(bundle(models=models)).is_empty


def test_what_is_left_out_of_an_item_has_its_default() -> None:
    apply(example())

    apply({"projects": [{"slug": "nicestory"}]})

    nicestory = Project.objects.get(slug="nicestory")
    assert nicestory.name == "nicestory"
    assert nicestory.default_alias == ""
    assert Limit.objects.for_project(nicestory).count() == 3


def test_what_a_file_leaves_out_stays_without_prune() -> None:
    apply(example())

    assert apply({"providers": [], "aliases": []}).is_empty


def test_prune_removes_what_the_sections_of_the_file_leave_out() -> None:
    apply(
        bundle(
            aliases=[alias(), alias(name="old", targets=[{"via": "fast"}])],
            models=[model(), model(model_id="new-1", prices=[])],
            projects=[project(), project(slug="gone")],
        )
    )

    plan = apply(bundle(projects=[project(limits=[], budgets=[])]), prune=True)

    assert not Alias.objects.filter(name="old").exists()
    assert not AIModel.objects.filter(model_id="new-1").exists()
    assert not Project.objects.get(slug="gone").active
    assert not Limit.objects.filter(project__slug="nicestory").exists()
    assert plan.count(Action.DEACTIVATE) == 1
    assert (
        plan_bundle(bundle(projects=[project()]), prune=True).count(
            Action.DELETE, Action.DEACTIVATE
        )
        == 0
    )


def test_prune_deactivates_what_is_in_use_and_says_why() -> None:
    apply(example())

    plan = apply({"models": []}, prune=True)

    [change] = plan.changes
    assert str(change) == "! model acme/acme-large-2 (an alias leads to it)"
    assert not AIModel.objects.get().active
    assert apply({"models": []}, prune=True).is_empty
    assert [str(note) for note in plan.notes] == [
        "aliases: all that fast leads to is switched off"
    ]


def test_prune_keeps_what_the_file_refers_to() -> None:
    apply(bundle(aliases=[alias(), alias(name="best", targets=[{"via": "fast"}])]))

    plan = apply(
        {"aliases": [alias(name="best", targets=[{"via": "fast"}])]}, prune=True
    )

    assert plan.is_empty


def test_prune_keeps_the_history_of_prices_and_drops_announced_ones() -> None:
    later = (timezone.now() + timedelta(days=30)).isoformat()
    prices = model()["prices"]
    announced = {"component": "input", "per_million": "1", "valid_from": later}
    apply(bundle(models=[model(prices=[*prices, announced])]))

    apply(bundle(models=[model(prices=prices[:1])]), prune=True)

    assert Price.objects.count() == 2


def test_prune_deletes_what_nothing_refers_to_and_keeps_what_holds_secrets() -> None:
    spare = [provider(slug=slug, credential=None) for slug in ("free", "held", "used")]
    apply(
        bundle(
            providers=[provider(), *spare],
            endpoints=[
                *example()["endpoints"],
                {"provider": "used", "operation": "chat", "pattern": "/chat"},
            ],
            credentials=[{"provider": "held", "name": "2", "credential": "env:TWO"}],
            organizations=[{"slug": "empty"}],
        )
    )
    sealed = Credential(provider=Provider.objects.get(slug="held"))
    sealed.put("sk-something-long-enough")
    sealed.save()
    rest = {"providers": [provider()], "organizations": [], "credentials": []}

    plan = apply(rest, prune=True)

    assert [str(change) for change in plan.changes] == [
        "- credential held 2",
        "- provider free",
        "! provider held (it has credentials)",
        "! provider used (it has models or endpoints)",
        "- organization empty",
    ]
    assert [str(note) for note in plan.notes] == [
        "credentials: credential held default is kept, for it is sealed",
        "organizations: default is kept, for it has active projects",
    ]


def test_prune_deactivates_an_organization_with_its_last_project() -> None:
    apply(bundle(projects=[project(), project(slug="solo", organization="solo")]))

    plan = apply({**example(), "organizations": []}, prune=True)

    assert [str(change) for change in plan.changes] == [
        "! project solo (its usage keeps its name)",
        "! organization solo (it has projects)",
    ]


def test_an_alias_that_a_project_needs_cannot_be_pruned() -> None:
    apply(example())

    [line] = mistakes({"aliases": []}, prune=True)

    assert line == "project nicestory.default_alias: no alias fast"


def test_an_organization_is_made_when_a_project_names_it() -> None:
    apply(bundle(projects=[project(organization="acme-org")]))

    assert Organization.objects.get().slug == "acme-org"


def test_a_limit_for_a_key_finds_its_key() -> None:
    apply(example())
    owner = Project.objects.get(slug="nicestory")
    key, _ = ApiKey.issue(owner, "k")
    limit = {"metric": "requests", "amount": 5, "per": "day", "key": key.prefix}

    apply(bundle(projects=[project(limits=[limit])]))

    assert Limit.objects.get(api_key=key).amount == 5
    limit["key"] = "sb_unknown"
    assert (
        "has no key sb_unknown"
        in mistakes(bundle(projects=[project(limits=[limit])]))[0]
    )


def test_a_limit_for_a_key_is_left_out_where_the_project_has_no_keys() -> None:
    limit = {"metric": "requests", "amount": 5, "per": "day", "key": "sb_elsewhere"}

    plan = apply(bundle(projects=[project(limits=[limit])]))

    assert not Limit.objects.exists()
    assert any("left out" in str(note) for note in plan.notes)


def test_an_env_reference_takes_the_place_of_a_sealed_value() -> None:
    apply(bundle(providers=[provider(credential=None)]))
    credential = Credential(provider=Provider.objects.get())
    credential.put("sk-something-long-enough")
    credential.save()

    plan = apply(example())

    assert str(plan.changes[0]) == "~ credential acme default"
    credential.refresh_from_db()
    assert credential.env_name == "ACME_API_KEY"
    assert credential.sealed is None


def test_two_items_of_one_key_are_refused() -> None:
    twins = [provider(credential=None), provider(credential=None)]

    assert mistakes(bundle(providers=twins)) == [
        "providers[1]: provider acme stands twice, first at providers[0]"
    ]


def test_endpoints_between_which_nothing_chooses_are_refused() -> None:
    endpoint = example()["endpoints"][0]
    other = {**endpoint, "pattern": "/v1/{model}/completions"}

    assert "match the same paths" in mistakes(bundle(endpoints=[endpoint, other]))[0]


def test_the_audit_names_who_applied() -> None:
    apply_bundle(example(), actor="apply config.yaml")

    event = pghistory.models.Events.objects.tracks(Provider.objects.get()).get()
    assert event.pgh_context == {"actor": "apply config.yaml"}


@pytest.mark.parametrize("document", [None, [], "text", {"models": 3}, {"models": [3]}])
def test_what_is_no_bundle_is_refused(document: Document) -> None:
    assert mistakes(document)


@pytest.mark.django_db(transaction=True)
def test_two_bundles_are_applied_one_after_the_other() -> None:
    done: list[str] = []

    def other() -> None:
        try:
            done.append(apply(example()).summary())
        finally:
            connection.close()

    thread = threading.Thread(target=other)
    with transaction.atomic():
        apply(example())
        thread.start()
        thread.join(0.5)
        assert not done
    thread.join(10)

    assert done == ["0 created, 0 changed, 0 removed, 13 unchanged"]
    Provider.objects.all()
