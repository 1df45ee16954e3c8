"""Which limits hold for a request: by key, end user, alias, or several of them."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from gateway.configuration.records import EndUserRecord, KeyRecord, LimitRecord
from gateway.limits.claims import Claim, claims_for
from tests.gateway.records import NOTHING, PROJECT

KEY = KeyRecord(
    pk=34,
    key_id="k",
    digest=b"",
    project=PROJECT,
    scopes=frozenset(),
    expires_at=None,
    limits=(),
    holder_pk=34,
)
ADA = EndUserRecord(
    pk=5,
    project_id=PROJECT.id,
    name="ada",
    active=True,
    default_model="",
    preferred_provider="",
    limits=(),
    credentials=NOTHING,
)
PLAIN = LimitRecord(1, "requests", 600, 60, None)


def keys_of(claims: Sequence[Claim]) -> list[str]:
    return [claim.key for claim in claims]


def key_with(*limits: LimitRecord) -> KeyRecord:
    return replace(KEY, project=replace(PROJECT, limits=limits))


def test_a_limit_of_an_alias_holds_for_those_who_name_it() -> None:
    key = key_with(PLAIN, replace(PLAIN, id=2, alias="fast"))

    assert keys_of(claims_for(key, 0, "fast")) == [
        "{p12}:requests:60",
        "{p12}:afast:requests:60",
    ]
    assert keys_of(claims_for(key, 0, "smart")) == ["{p12}:requests:60"]
    assert keys_of(claims_for(key, 0)) == ["{p12}:requests:60"]


def test_a_limit_for_each_end_user_has_a_bucket_for_each() -> None:
    key = key_with(replace(PLAIN, each_end_user=True))

    (of_ada,) = keys_of(claims_for(key, 0, user="ada"))
    (of_bob,) = keys_of(claims_for(key, 0, user="b" * 200))

    assert of_ada != of_bob
    assert "ada" not in of_ada
    assert len(of_bob) < 60
    assert claims_for(key, 0) == ()


def test_an_end_user_s_own_limit_holds_beside_the_others() -> None:
    own = LimitRecord(7, "tokens", 100, 60, None, end_user_pk=5)

    claims = claims_for(
        key_with(PLAIN), 500, user="ada", end_user=replace(ADA, limits=(own,))
    )

    assert claims == (
        Claim("{p12}:requests:60", "requests", 600, 60, 1),
        Claim("{p12}:u5:tokens:60", "tokens", 100, 60, 100),
    )


def test_all_parts_of_a_scope_must_fit() -> None:
    own = LimitRecord(7, "requests", 9, 60, 34, end_user_pk=5, alias="fast")
    ada = replace(ADA, limits=(own,))

    def found(key: KeyRecord, alias: str) -> list[str]:
        return keys_of(claims_for(key, 0, alias, "ada", ada))

    assert found(KEY, "fast") == ["{p12}:k34:u5:afast:requests:60"]
    assert found(KEY, "smart") == []
    assert found(replace(KEY, pk=35, holder_pk=35), "fast") == []
    # A key that was rotated to another is held to the other's limits.
    assert found(replace(KEY, pk=35, holder_pk=34), "fast") == [
        "{p12}:k34:u5:afast:requests:60"
    ]


def test_limits_in_shadow_mode_come_last_and_name_themselves() -> None:
    shadow = replace(PLAIN, id=3, metric="tokens", shadow=True)
    other = replace(PLAIN, id=4, alias="fast")

    claims = claims_for(key_with(shadow, PLAIN, other), 10, "fast")

    assert [claim.shadow_of for claim in claims] == [0, 0, 3]


@pytest.mark.parametrize(
    "changes", [{"alias": "a"}, {"shadow": True}, {"each_end_user": True}]
)
def test_what_is_not_plain_is_worked_out_for_each_request(
    changes: dict[str, object],
) -> None:
    assert PLAIN.is_plain
    assert not replace(PLAIN, **changes).is_plain  # type: ignore[arg-type]
