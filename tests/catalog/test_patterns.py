import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from catalog.models import Endpoint
from catalog.patterns import build_path, check_pattern, path_of
from catalog.validation import check_endpoints, patterns_overlap

LEGACY = "/openai/deployments/{deployment}/chat/completions?api-version=2024-10-21"


@pytest.mark.parametrize(
    "pattern",
    [
        LEGACY,
        "/v1/chat/completions",
        "/v1beta/models/{model}:generateContent?alt=sse&key=a.b_c~d",
        "/v1/audio/{voice}?output_format=mp3_44100_128&model_id=",
    ],
)
def test_a_pattern_may_end_in_a_constant_query(pattern: str) -> None:
    check_pattern(pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        "v1/chat",
        "/v1//chat",
        "/v1/../chat",
        "/v1/./chat",
        "/v1/{project}/chat",
        "/v1/{model}/{model}",
        "/v1/chat#end",
        "/v1/chat?",
        "/v1/chat?a",
        "/v1/chat?=b",
        "/v1/chat?a=b&",
        "/v1/chat?a=b?c=d",
        "/v1/chat?a={model}",
        "/v1/chat?a=b c",
        "/v1/chat?a=b\r\nx: y",
        "/v1/chat?a=%0d%0a",
        "/v1/chat?a=b#c",
        "/v1/chat?a=b/../c",
        "/v1/ch at",
        "/v1/chat\n",
        "/v1/chat?a=b\n",
    ],
)
def test_anything_else_is_refused(pattern: str) -> None:
    with pytest.raises(ValidationError):
        check_pattern(pattern)


@given(pattern=st.text(max_size=60).map("/v1/{model}".__add__))
def test_what_is_accepted_can_be_sent(pattern: str) -> None:
    try:
        check_pattern(pattern)
    except ValidationError:
        return
    path = build_path(pattern, model="m", deployment="d", voice="v")
    assert path.isascii()
    assert path.isprintable()
    assert not {*' "<>{}\\^`|#%'} & {*path}
    assert path.count("?") <= 1


@pytest.mark.parametrize(
    ("value", "segment"),
    [
        ("us.anthropic.claude-v1:0", "us.anthropic.claude-v1%3A0"),
        ("claude-opus-4@20250514", "claude-opus-4@20250514"),
        ("a/b?c=d&e#f g", "a%2Fb%3Fc%3Dd%26e%23f%20g"),
    ],
)
def test_a_value_stays_one_segment(value: str, segment: str) -> None:
    path = build_path("/model/{model}:go?a=b:c", model=value)

    assert path == f"/model/{segment}:go?a=b:c"


def test_a_query_does_not_tell_two_paths_apart() -> None:
    other = LEGACY.replace("2024-10-21", "2025-04-01-preview")

    assert path_of(LEGACY) == "/openai/deployments/{deployment}/chat/completions"
    assert patterns_overlap(LEGACY, other)
    assert patterns_overlap(LEGACY, path_of(LEGACY))
    assert not patterns_overlap(LEGACY, "/openai/v1/chat/completions")
    endpoints = [
        Endpoint(provider_id=1, operation="chat", pattern=pattern)
        for pattern in (LEGACY, other)
    ]
    with pytest.raises(ValidationError, match="another priority"):
        check_endpoints(endpoints)
    endpoints[1].priority = 20
    check_endpoints(endpoints)
