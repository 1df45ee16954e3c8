"""Who could serve a request, and why some could not."""

import time
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from gateway.candidates import Candidates, candidates_for
from gateway.configuration.records import (
    AliasRecord,
    CredentialRecord,
    ModelRecord,
    ProjectRecord,
)
from gateway.refusals import (
    CostBoundExceeded,
    InvalidRequest,
    NoCandidate,
    Refusal,
    ResidencyViolation,
    UnknownModel,
    UnpricedModel,
)
from gateway.types import InferenceRequest, PriceBound, ProviderPreferences
from tenants.encryption import Secret
from tests.gateway.records import (
    NOTHING,
    PROJECT,
    alias,
    catalog,
    model,
    provider,
    request,
    target,
)

ONE, TWO = provider("one", 1, region="eu"), provider("two", 2, region="us")
CHEAP, DEAR = model(1, ONE), model(2, TWO)
FAST = alias("fast", target(CHEAP), target(DEAR, 2))


def found(
    asked: InferenceRequest,
    *aliases: AliasRecord,
    models: tuple[ModelRecord, ...] = (CHEAP, DEAR),
    project: ProjectRecord = PROJECT,
) -> Candidates:
    return candidates_for(asked, project, catalog(models, aliases or (FAST,)))


def names(candidates: Candidates) -> list[str]:
    return [candidate.model.name for candidate in candidates.able]


def test_an_alias_stands_for_its_targets_in_their_order() -> None:
    candidates = found(request("fast"))

    assert names(candidates) == ["one/m1", "two/m2"]
    assert (candidates.alias, candidates.strategy) == ("fast", "priority")


def test_a_projects_own_alias_goes_before_the_global_one() -> None:
    own = alias("fast", target(DEAR), number=7, defaults={"temperature": 0})
    project = replace(PROJECT, aliases={"fast": own}, aliases_by_pk={7: own})

    candidates = found(request("fast"), project=project)

    assert names(candidates) == ["two/m2"]
    assert candidates.defaults == {"temperature": 0}


@pytest.mark.parametrize("name", ["one/m1", "m1"])
def test_a_model_is_found_by_its_full_and_by_its_bare_name(name: str) -> None:
    candidates = found(request(name))

    assert names(candidates) == ["one/m1"]
    assert candidates.alias == ""


def test_a_bare_name_that_several_providers_serve_is_ambiguous() -> None:
    twin = replace(DEAR, model_id="m1")

    with pytest.raises(UnknownModel, match="one/m1, two/m1"):
        found(request("m1"), models=(CHEAP, twin))


@pytest.mark.parametrize("name", ["slow", "one/m9", "three/m1", "FAST", " fast"])
def test_an_unknown_name_is_refused(name: str) -> None:
    with pytest.raises(UnknownModel):
        found(request(name))


def test_no_name_means_the_default_alias() -> None:
    project = replace(PROJECT, default_alias="fast")

    assert found(request(""), project=project).alias == "fast"
    with pytest.raises(InvalidRequest):
        found(request(""))


def test_aliases_behind_an_alias_are_followed() -> None:
    inner = alias("inner", target(DEAR, 5), target(CHEAP, 9), number=2)
    outer = alias("outer", target(inner, 1), number=3)

    assert names(found(request("outer"), inner, outer)) == ["two/m2", "one/m1"]


@pytest.mark.parametrize(("length", "reached"), [(6, ["one/m1"]), (7, [])])
def test_five_aliases_are_followed_and_no_more_o2(
    length: int, reached: list[str]
) -> None:
    chain = [alias("a0", target(CHEAP), number=100)]
    for number in range(1, length):
        chain.append(alias(f"a{number}", target(chain[-1]), number=100 + number))

    try:
        found_ = names(found(request(chain[-1].name), *chain))
    except NoCandidate:
        found_ = []

    assert found_ == reached


def test_a_loop_of_aliases_ends() -> None:
    first = alias("first", number=1)
    second = alias("second", target(first), target(CHEAP), number=2)
    first = replace(first, targets=(target(second),))

    assert set(names(found(request("first"), first, second))) == {"one/m1"}


def test_further_models_of_the_request_come_after_the_named_one() -> None:
    candidates = found(request("m2", models=("m2", "one/m1")))

    assert names(candidates) == ["two/m2", "one/m1"]
    assert [candidate.turn for candidate in candidates.able] == [0, 2]


def test_further_models_must_exist_too() -> None:
    with pytest.raises(UnknownModel, match="nowhere"):
        found(request("fast", models=("nowhere",)))


# What is changed of the model, of the alias and of the request's preferences.
Changes = dict[str, Any]
REASONS: dict[str, tuple[Changes, Changes, Changes]] = {
    "operation": ({"operations": frozenset({"embeddings"})}, {}, {}),
    "endpoint": ({"provider": replace(ONE, endpoints=NOTHING)}, {}, {}),
    "capability": ({}, {"required_capabilities": frozenset({"vision"})}, {}),
    "region": ({}, {"region": "us"}, {}),
    "only": ({}, {}, {"only": frozenset({"two"})}),
    "ignore": ({}, {}, {"ignore": frozenset({"one"})}),
    "not_configured": ({"provider": replace(ONE, credentials=())}, {}, {}),
    "unpriced_model": ({"prices": ()}, {}, {}),
}


@pytest.mark.parametrize("code", REASONS)
def test_who_cannot_serve_is_dropped_with_the_reason(code: str) -> None:
    of_model, of_alias, of_request = REASONS[code]
    unfit = replace(CHEAP, **of_model)
    able = replace(DEAR, capabilities=frozenset({"text", "vision"}))
    asked = request("fast", preferences=ProviderPreferences(**of_request))

    candidates = found(asked, replace(FAST, **of_alias), models=(unfit, able))

    assert names(candidates) == ["two/m2"]
    (dropped,) = candidates.dropped
    assert (dropped.model, dropped.code) == ("one/m1", code)
    assert candidates.decision(candidates.able) == {
        "order": ["two/m2"],
        "dropped": {"one/m1": code},
    }


@pytest.mark.parametrize(
    ("code", "refusal"),
    [
        ("operation", InvalidRequest),
        ("endpoint", InvalidRequest),
        ("capability", NoCandidate),
        ("region", NoCandidate),
        ("only", NoCandidate),
        ("ignore", NoCandidate),
        ("not_configured", NoCandidate),
        ("unpriced_model", UnpricedModel),
    ],
)
def test_the_refusal_names_the_reason_when_nobody_is_left(
    code: str, refusal: type[Refusal]
) -> None:
    of_model, of_alias, of_request = REASONS[code]
    asked = request("fast", preferences=ProviderPreferences(**of_request))
    only = replace(FAST, targets=(target(CHEAP),), **of_alias)

    with pytest.raises(refusal, match="one/m1"):
        found(asked, only, models=(replace(CHEAP, **of_model),))


def test_data_stays_in_the_regions_of_the_project() -> None:
    project = replace(PROJECT, allowed_regions=frozenset({"us"}))

    assert names(found(request("fast"), project=project)) == ["two/m2"]
    with pytest.raises(ResidencyViolation):
        found(request("m1"), project=project)


SEES = replace(DEAR, capabilities=frozenset({"text", "vision"}))
PICTURE: Any = {
    "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]
}


def test_what_the_body_shows_to_need_drops_who_is_not_known_to_be_able() -> None:
    candidates = found(request("fast", body=PICTURE), models=(CHEAP, SEES))

    assert names(candidates) == ["two/m2"]
    assert [(d.model, d.code, d.reason) for d in candidates.dropped] == [
        ("one/m1", "capability", "it lacks vision")
    ]


def test_where_nobody_is_known_to_be_able_the_provider_decides() -> None:
    candidates = found(request("fast", body=PICTURE))

    assert names(candidates) == ["one/m1", "two/m2"]
    assert set(candidates.doubts) == {0, 1}
    assert candidates.dropped == []


def test_what_is_passed_on_unread_is_for_its_provider_to_judge() -> None:
    asked = request("fast", body=PICTURE)

    candidates = candidates_for(
        asked, PROJECT, catalog((CHEAP, SEES), (FAST,)), is_passed_on=True
    )

    assert names(candidates) == ["one/m1", "two/m2"]


@pytest.mark.parametrize(
    ("words", "max_output_tokens", "served_by"),
    [
        (100, 100, ["one/m1", "two/m2"]),
        (4_000, 100, ["two/m2"]),
        (100, 3_990, ["two/m2"]),
    ],
)
def test_who_has_too_small_a_window_is_dropped_when_another_has_a_larger(
    words: int, max_output_tokens: int, served_by: list[str]
) -> None:
    small = replace(CHEAP, context_window=4_000)
    text = "words and " * words
    asked = request(
        "fast",
        body={"messages": [{"role": "user", "content": text}]},
        max_output_tokens=max_output_tokens,
    )
    asked.size = len(text)

    candidates = found(asked, models=(small, DEAR))

    assert names(candidates) == served_by
    assert [d.code for d in candidates.dropped] == ["context_window"] * (
        2 - len(served_by)
    )


@pytest.mark.parametrize(
    ("bound", "served_by"),
    [
        (PriceBound(), ["one/m1", "two/m2"]),
        (PriceBound(input=Decimal(1)), ["one/m1"]),
        (PriceBound(output=Decimal("1.5")), ["one/m1"]),
        (PriceBound(Decimal(3), Decimal(3)), ["one/m1", "two/m2"]),
    ],
)
def test_who_asks_for_more_than_max_price_is_dropped(
    bound: PriceBound, served_by: list[str]
) -> None:
    dear = replace(DEAR, prices=model(2, usd="3").prices)
    asked = request("fast", preferences=ProviderPreferences(max_price=bound))

    assert names(found(asked, models=(CHEAP, dear))) == served_by


def test_a_price_that_is_not_known_is_above_every_max_price() -> None:
    project = replace(PROJECT, allow_unpriced=True)
    unpriced = replace(CHEAP, prices=())
    bound = PriceBound(input=Decimal(1_000))
    asked = request("fast", preferences=ProviderPreferences(max_price=bound))

    assert names(found(asked, models=(unpriced, DEAR), project=project)) == ["two/m2"]


def test_who_would_cost_too_much_is_dropped_and_nobody_left_is_a_402() -> None:
    dear = replace(DEAR, prices=model(2, usd="100").prices)
    body = {"messages": [{"role": "user", "content": "Hi"}]}

    def asked(usd: str) -> InferenceRequest:
        return request("fast", body=body, max_cost_usd=Decimal(usd))

    candidates = found(asked("0.001"), models=(CHEAP, dear))
    assert names(candidates) == ["one/m1"]
    assert candidates.dropped[0].code == "max_cost"

    with pytest.raises(CostBoundExceeded, match="would cost about") as refused:
        found(asked("0.00001"), models=(CHEAP, dear))
    assert (refused.value.status_code, refused.value.code) == (402, "budget_exceeded")


def test_a_model_that_is_named_itself_is_routed_as_specified() -> None:
    assert found(request("one/m1")).strategy == "specified"


@pytest.mark.parametrize(
    ("asked", "of_alias", "of_project", "expected"),
    [
        (request("fast"), "weighted", "cheapest", "weighted"),
        (request("fast"), "", "cheapest", "cheapest"),
        (request("fast"), "", "", "priority"),
        (request("one/m1"), "weighted", "cheapest", "cheapest"),
        (request("one/m1", models=("two/m2",)), "", "fastest", "fastest"),
        (request("one/m1"), "", "", "specified"),
        (
            request("fast", preferences=ProviderPreferences(sort="latency")),
            "weighted",
            "cheapest",
            "latency",
        ),
        (
            request("fast", preferences=ProviderPreferences(strategy="fastest")),
            "weighted",
            "cheapest",
            "fastest",
        ),
    ],
)
def test_the_request_goes_before_the_alias_and_the_alias_before_the_project(
    asked: InferenceRequest, of_alias: str, of_project: str, expected: str
) -> None:
    project = replace(PROJECT, strategy=of_project)

    candidates = found(asked, replace(FAST, strategy=of_alias), project=project)

    assert candidates.strategy == expected


def test_an_alias_without_active_models_serves_nobody() -> None:
    with pytest.raises(NoCandidate, match="no active model"):
        found(request("fast"), replace(FAST, targets=()))


def test_a_projects_own_credential_goes_before_the_platforms() -> None:
    own = CredentialRecord(9, Secret("own"))
    project = replace(PROJECT, credentials={ONE.id: (own,)})

    candidates = found(request("fast"), project=project)

    assert [candidate.credential for candidate in candidates.able] == [
        own,
        TWO.credentials[0],
    ]


def test_a_provider_that_asks_for_no_credential_needs_none() -> None:
    free = replace(ONE, auth_kind="none", credentials=())

    candidates = found(request("m1"), models=(replace(CHEAP, provider=free), DEAR))

    assert candidates.able[0].credential is None


def test_a_price_of_tomorrow_is_no_price_today() -> None:
    tomorrow = time.time() + 86_400
    unpriced = replace(CHEAP, prices=((tomorrow, CHEAP.prices[0][1]),))

    with pytest.raises(UnpricedModel):
        found(request("m1"), models=(unpriced, DEAR))

    allowed = replace(PROJECT, allow_unpriced=True)
    candidates = found(request("m1"), models=(unpriced, DEAR), project=allowed)
    assert candidates.able[0].prices is None
