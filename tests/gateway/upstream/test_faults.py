"""The status of a failed call decides, the provider's own code refines."""

import pytest

from gateway.upstream.errors import (
    ContentRefused,
    ContextLengthExceeded,
    DeadlineReached,
    QuotaSpent,
    RequestRefused,
    UpstreamAccountError,
    UpstreamError,
    UpstreamModelMissing,
    UpstreamRateLimited,
    UpstreamUnavailable,
)
from gateway.upstream.faults import classify, classify_hidden


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "", RequestRefused),
        (400, "context_length_exceeded", ContextLengthExceeded),
        (400, "content_policy_violation", ContentRefused),
        (401, "", UpstreamAccountError),
        (402, "", QuotaSpent),
        (403, "content_filter", UpstreamAccountError),
        (404, "", UpstreamModelMissing),
        (408, "", UpstreamUnavailable),
        (413, "", RequestRefused),
        (422, "", RequestRefused),
        (429, "", UpstreamRateLimited),
        (429, "insufficient_quota", QuotaSpent),
        (500, "context_length_exceeded", UpstreamUnavailable),
        (503, "", UpstreamUnavailable),
        (529, "overloaded_error", UpstreamUnavailable),
        (204, "", UpstreamUnavailable),
        (302, "", UpstreamUnavailable),
    ],
)
def test_a_failed_call_is_named(
    status: int, code: str, kind: type[UpstreamError]
) -> None:
    error = classify(status, code, "No.", param="x", retry_after_s=3)

    assert type(error) is kind
    assert (error.status, error.upstream_code, error.param) == (status, code, "x")
    assert error.retry_after_s == 3


@pytest.mark.parametrize(
    ("code", "kind", "status"),
    [
        ("", UpstreamUnavailable, 502),
        ("server_error", UpstreamUnavailable, 502),
        ("429", UpstreamRateLimited, 429),
        ("400", RequestRefused, 400),
        ("401", UpstreamAccountError, 401),
        ("200", UpstreamUnavailable, 502),
        ("999", UpstreamUnavailable, 502),
        ("4290", UpstreamUnavailable, 502),
        ("٤٠٠", RequestRefused, 400),
        ("insufficient_quota", QuotaSpent, 502),
        ("context_length_exceeded", UpstreamUnavailable, 502),
    ],
)
def test_an_error_in_a_good_answer_is_the_providers_unless_it_names_a_status(
    code: str, kind: type[UpstreamError], status: int
) -> None:
    error = classify_hidden(code, "No.")

    assert type(error) is kind
    assert error.status == status


def test_only_what_the_client_asked_for_or_its_time_ends_the_search() -> None:
    ends = {kind for kind in _kinds(UpstreamError) if not kind.try_next}

    assert ends == {RequestRefused, ContentRefused, DeadlineReached}


def _kinds(kind: type[UpstreamError]) -> set[type[UpstreamError]]:
    return {kind}.union(*map(_kinds, kind.__subclasses__()))
