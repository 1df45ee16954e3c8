"""Which claims a request makes."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from gateway.configuration.records import KeyRecord, LimitRecord, ProjectRecord
from gateway.limits.claims import Claim, Remaining, claims_for, tightest

NOTHING: Mapping[Any, Any] = MappingProxyType({})
PROJECT = ProjectRecord(
    id=12,
    slug="nicestory",
    organization_id=1,
    default_alias="",
    cache=NOTHING,
    auto_approve_threshold_usd=None,
    allowed_regions=frozenset(),
    task_routes=NOTHING,
    allow_unpriced=False,
    strict_params=False,
    capture=False,
    capture_retention_days=30,
    capture_redactions=(),
    limits=(),
    aliases=NOTHING,
    aliases_by_pk=NOTHING,
    credentials=NOTHING,
)
KEY = KeyRecord(
    pk=34,
    key_id="k",
    digest=b"",
    project=PROJECT,
    scopes=frozenset(),
    expires_at=None,
    limits=(),
)
REQUESTS = LimitRecord(id=1, metric="requests", amount=600, per_s=60, key_pk=None)
TOKENS = LimitRecord(id=2, metric="tokens", amount=1000, per_s=60, key_pk=None)
OF_THE_KEY = LimitRecord(id=3, metric="concurrency", amount=5, per_s=0, key_pk=34)


def test_a_key_without_limits_claims_nothing() -> None:
    assert claims_for(KEY, 100) == ()


def test_a_request_claims_from_the_limits_of_its_project_and_its_key() -> None:
    key = replace(
        KEY, project=replace(PROJECT, limits=(REQUESTS, TOKENS)), limits=(OF_THE_KEY,)
    )

    assert set(claims_for(key, 100)) == {
        Claim("{p12}:requests:60", "requests", 600, 60, 1),
        Claim("{p12}:tokens:60", "tokens", 1000, 60, 100),
        Claim("{p12}:k34:concurrency", "concurrency", 5, 0, 1),
    }


def test_an_estimate_above_the_limit_claims_the_whole_limit() -> None:
    key = replace(KEY, project=replace(PROJECT, limits=(TOKENS,)))

    (claim,) = claims_for(key, 5000)

    assert claim.cost == 1000


def test_changed_limits_of_a_key_are_claimed_from_the_next_request_on() -> None:
    claims_for(KEY, 1)

    key = replace(KEY, project=replace(PROJECT, limits=(REQUESTS,)))

    assert [claim.metric for claim in claims_for(key, 1)] == ["requests"]


def test_the_tightest_limit_of_each_metric_is_reported() -> None:
    per_minute = Claim("m", "requests", 60, 60, 1)
    per_day = Claim("d", "requests", 1000, 86400, 1)
    running = Claim("c", "concurrency", 5, 0, 1)

    found = tightest([per_minute, per_day, running], [(40, 20.0), (3, 86000.0), (4, 0)])

    assert found == {"requests": Remaining(1000, 3, 86000.0)}
