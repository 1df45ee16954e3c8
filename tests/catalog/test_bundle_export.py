import itertools
from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog.bundle import (
    apply_bundle,
    dump_document,
    export_bundle,
    load_document,
    plan_bundle,
)
from catalog.bundle.document import Document
from catalog.models import Credential, Provider
from catalog.protocols import Capability
from tenants.models import ApiKey, Limit, Project
from tests.catalog.bundles import alias, bundle, example

pytestmark = pytest.mark.django_db

slugs = st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True)
names = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\x00"),
    min_size=1,
    max_size=20,
).filter(lambda name: bool(name.strip()))
parameters = st.from_regex(r"[a-z_]{1,12}", fullmatch=True)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | names
    | st.text(" ab'\"#:\n\\", min_size=90, max_size=150),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3)
    ),
    max_leaves=6,
)
days = st.dates(min_value=date(1970, 1, 1))
moments = days | st.datetimes(min_value=datetime.fromisoformat("1970-01-01")).map(
    lambda moment: f"{moment.isoformat()}+00:00"
)
capabilities = st.lists(st.sampled_from(Capability.values), unique=True, max_size=4)


def amounts(places: int) -> st.SearchStrategy[str]:
    return st.decimals(0, 10**6, places=places).map(str)


def unique(items: list[dict[str, Any]], *keys: str) -> list[dict[str, Any]]:
    return list({tuple(str(i.get(k)) for k in keys): i for i in items}.values())


@st.composite
def prices(draw: st.DrawFn) -> list[dict[str, Any]]:
    items = draw(
        st.lists(
            st.fixed_dictionaries(
                {
                    "component": st.sampled_from(["input", "output", "reasoning"]),
                    "min_input_tokens": st.sampled_from([0, 200000]),
                    "per_million": amounts(6),
                    "valid_from": moments,
                }
            )
            | st.fixed_dictionaries(
                {
                    "component": st.sampled_from(["image", "second"]),
                    "per_unit": amounts(12),
                    "valid_from": moments,
                }
            ),
            max_size=4,
        )
    )
    return unique(items, "component", "min_input_tokens", "valid_from")


@st.composite
def projects(draw: st.DrawFn) -> list[dict[str, Any]]:
    limits = st.lists(
        st.fixed_dictionaries(
            {
                "metric": st.sampled_from(["requests", "tokens"]),
                "amount": st.integers(1, 2**60),
                "per": st.sampled_from(Limit.Per.values),
                "active": st.booleans(),
            }
        ),
        max_size=3,
    )
    budgets = st.lists(
        st.fixed_dictionaries(
            {
                "amount_usd": amounts(4),
                "per": st.sampled_from(["day", "week", "month", "total"]),
                "mode": st.sampled_from(["hard", "soft", "shadow"]),
                "warn_at": st.lists(st.integers(1, 100), max_size=3),
            }
        ),
        max_size=2,
    )
    scopes = st.lists(
        st.fixed_dictionaries(
            {
                "name": slugs,
                "kinds": st.just([{"kind": "*", "days": 7, "max_entries": 5}])
                | st.just([]),
                "token_budget": st.integers(20, 200_000),
                "order": st.sampled_from(["newest_first", "by_kind"]),
                "template": st.just("{{name}}\n{{entries}}"),
            }
        ),
        max_size=2,
    )
    items = draw(
        st.lists(
            st.fixed_dictionaries(
                {
                    "slug": slugs,
                    "name": names,
                    "organization": slugs,
                    "active": st.booleans(),
                    "cache": st.just({"enabled": False, "ttl_s": 60}) | st.just({}),
                    "auto_approve_threshold_usd": st.none() | amounts(4),
                    "allowed_regions": st.lists(slugs, max_size=2),
                    "task_routes": st.dictionaries(parameters, slugs, max_size=2),
                    "time_zone": st.sampled_from(["UTC", "Europe/Berlin"]),
                    "strict_params": st.booleans(),
                    "limits": limits.map(lambda found: unique(found, "metric", "per")),
                    "budgets": budgets.map(lambda found: unique(found, "per", "mode")),
                    "context_scopes": scopes.map(lambda found: unique(found, "name")),
                }
            ),
            max_size=3,
        )
    )
    return unique(items, "slug")


@st.composite
def configurations(draw: st.DrawFn) -> Document:
    provider_slugs = draw(st.lists(slugs, unique=True, min_size=1, max_size=2))
    providers = [
        draw(
            st.fixed_dictionaries(
                {
                    "slug": st.just(slug),
                    "name": names,
                    "base_url": st.just("https://api.acme.example"),
                    "handler": st.just("openai_chat"),
                    "auth": st.sampled_from(["bearer", "header:x-key", "none"]),
                    "credential": st.none() | st.just("env:ACME_API_KEY"),
                    "active": st.booleans(),
                    "headers": st.dictionaries(slugs, slugs, max_size=2),
                    "drop_params": st.lists(parameters, max_size=2),
                    "rename_params": st.dictionaries(
                        parameters, parameters, max_size=2
                    ),
                    "timeouts": st.just({"idle_s": 0.5}),
                }
            )
        )
        for slug in provider_slugs
    ]
    models = [
        {
            "provider": slug,
            "model_id": model_id,
            "capabilities": draw(capabilities),
            "context_window": draw(st.none() | st.integers(0, 10**6)),
            "deprecated_on": draw(st.none() | st.dates()),
            "prices": draw(prices()),
        }
        for slug in provider_slugs
        for model_id in draw(st.lists(slugs, unique=True, min_size=1, max_size=2))
    ]
    for model, successor in itertools.pairwise(models):
        if draw(st.booleans()):
            model["successor"] = f"{successor['provider']}/{successor['model_id']}"
    tenants = draw(projects())
    owners = [None, *(project["slug"] for project in tenants)]
    aliases: list[dict[str, Any]] = []
    for name in draw(st.lists(slugs, unique=True, max_size=4)):
        ways: list[dict[str, Any]] = [
            {"model": f"{m['provider']}/{m['model_id']}"} for m in models
        ]
        ways += [{"via": a["name"]} for a in aliases if a["project"] is None]
        targets = draw(st.lists(st.sampled_from(ways), min_size=1, max_size=3))
        aliases.append(
            {
                "name": name,
                "project": draw(st.sampled_from(owners)),
                "required_capabilities": draw(capabilities),
                "defaults": draw(st.dictionaries(names, json_values, max_size=2)),
                "targets": [
                    {**way, "priority": draw(st.integers(0, 9))}
                    for way in unique(targets, "model", "via")
                ],
            }
        )
    return {
        "providers": providers,
        "endpoints": [
            {
                "provider": slug,
                "operation": "chat",
                "pattern": "/v1/{model}/chat",
                "priority": draw(st.integers(0, 100)),
            }
            for slug in provider_slugs
        ],
        "models": models,
        "aliases": aliases,
        "projects": tenants,
    }


@given(configurations())
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
def test_what_is_exported_applies_to_an_empty_database_and_is_the_same(
    document: Document,
) -> None:
    with transaction.atomic():
        apply_bundle(document, actor="a test")
        assert plan_bundle(document).is_empty
        text = exported()
        assert plan_bundle(load_document(text), prune=True).is_empty
        transaction.set_rollback(True)

    with transaction.atomic():
        apply_bundle(load_document(text), actor="a test")
        assert exported() == text
        transaction.set_rollback(True)


def exported() -> str:
    return dump_document(export_bundle()[0])


def test_the_export_holds_all_that_the_example_says() -> None:
    apply_bundle(example(), actor="a test")

    document, notes = export_bundle()

    assert notes == []
    assert document["providers"][0]["credential"] == "env:ACME_API_KEY"
    assert document["models"][0]["prices"][0]["per_million"] == "2.00"
    assert document["projects"][0]["budgets"][0]["amount_usd"] == "50.00"
    assert plan_bundle(document, prune=True).is_empty


def test_sealed_values_are_not_exported_and_this_is_said() -> None:
    apply_bundle(example(), actor="a test")
    credential = Credential.objects.get()
    credential.put("sk-a-secret-that-must-not-show")
    credential.save()

    document, notes = export_bundle()

    assert "sk-a-secret" not in dump_document(document)
    assert "credential" not in document["providers"][0]
    assert notes == ["credential acme default is sealed here, and is set in the admin"]
    assert plan_bundle(document, prune=True).is_empty


def test_credentials_of_projects_have_a_section_of_their_own() -> None:
    apply_bundle(example(), actor="a test")
    Credential.objects.create(
        provider=Provider.objects.get(),
        project=Project.objects.get(),
        env_name="NICE_KEY",
    )

    document, _ = export_bundle()

    assert document["credentials"] == [
        {
            "provider": "acme",
            "project": "nicestory",
            "name": "default",
            "credential": "env:NICE_KEY",
            "active": True,
            "requests_per_minute": None,
            "tokens_per_minute": None,
            "max_concurrency": None,
        }
    ]
    Credential.objects.filter(project__isnull=False).delete()
    apply_bundle(document, actor="a test")
    assert Credential.objects.filter(env_name="NICE_KEY").exists()


def test_caps_of_a_platform_credential_are_exported_with_it() -> None:
    apply_bundle(example(), actor="a test")
    Credential.objects.update(requests_per_minute=500, max_concurrency=20)

    document, _ = export_bundle()

    assert "credential" not in document["providers"][0]
    (item,) = document["credentials"]
    assert (item["requests_per_minute"], item["max_concurrency"]) == (500, 20)
    Credential.objects.all().delete()
    apply_bundle(document, actor="a test")
    row = Credential.objects.get()
    assert (row.requests_per_minute, row.tokens_per_minute) == (500, None)
    assert plan_bundle(document).is_empty


def test_a_credential_named_with_its_provider_keeps_its_caps() -> None:
    apply_bundle(example(), actor="a test")
    Credential.objects.update(tokens_per_minute=30_000)

    apply_bundle(example(), actor="a test")

    assert Credential.objects.get().tokens_per_minute == 30_000


def test_strategies_may_be_left_to_the_project() -> None:
    document = example()
    document["projects"][0]["strategy"] = "cheapest"
    document["aliases"][0]["strategy"] = ""

    apply_bundle(document, actor="a test")
    exported, _ = export_bundle()

    assert Project.objects.get().strategy == "cheapest"
    assert exported["projects"][0]["strategy"] == "cheapest"
    assert exported["aliases"][0]["strategy"] == ""


def test_a_global_alias_behind_a_projects_own_one_is_named_in_full() -> None:
    own = alias(project="nicestory")
    smart = alias(
        name="smart",
        project="nicestory",
        targets=[{"via": {"name": "fast", "project": None}}],
    )
    apply_bundle(bundle(aliases=[alias(), own, smart]), actor="a test")

    document, _ = export_bundle()

    [found] = [a for a in document["aliases"] if a["name"] == "smart"]
    assert found["targets"][0]["via"] == {"name": "fast", "project": None}
    assert plan_bundle(document, prune=True).is_empty


def test_an_alias_switched_off_may_be_without_targets() -> None:
    apply_bundle(bundle(aliases=[alias(), alias(name="off", active=False)]), actor="t")
    document, _ = export_bundle()
    document["aliases"][1]["targets"] = []

    apply_bundle(document, actor="a test")

    assert export_bundle()[0] == document


def test_limits_for_a_key_are_exported_under_its_prefix() -> None:
    apply_bundle(example(), actor="a test")
    project = Project.objects.get()
    key, _ = ApiKey.issue(project, "k", expires_at=None)
    Limit.objects.create(
        project=project, api_key=key, metric="requests", amount=3, per="hour"
    )

    document, _ = export_bundle()

    limits = document["projects"][0]["limits"]
    assert {
        "metric": "requests",
        "per": "hour",
        "key": key.prefix,
        "amount": 3,
        "shadow": False,
        "active": True,
    } in limits
    assert plan_bundle(document, prune=True).is_empty


def test_moments_are_exported_to_the_microsecond() -> None:
    moment = datetime(2026, 5, 1, 12, 30, 0, 7, tzinfo=UTC)
    price = {"component": "input", "per_million": "1", "valid_from": moment}
    document = example()
    document["models"][0]["prices"] = [price]

    apply_bundle(document, actor="a test")

    assert "2026-05-01T12:30:00.000007+00:00" in exported()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\na: 2\n", "line 2: a stands twice, first in line 1"),
        ("providers:\n  - {slug: a, slug: b}\n", "line 2: slug stands twice"),
        ("a: [", "not readable as YAML"),
        ("a: !!python/object/apply:os.system ['true']", "not readable as YAML"),
        ("a: &a [*a]", "unknown section"),
        ("aliases: &a [{defaults: {x: *a}}]", "nested too deep"),
    ],
)
def test_yaml_that_is_not_plain_is_refused(text: str, message: str) -> None:
    with pytest.raises(Exception, match=message):
        plan_bundle(load_document(text))
