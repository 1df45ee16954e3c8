import pytest

from catalog.validation import patterns_overlap


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("/v1/chat", "/v1/chat"),
        ("/v1/{model}", "/v1/chat"),
        ("/v1/{model}", "/v1/{voice}"),
        ("/v1/{model}:generate", "/v1/gemini:{voice}"),
        ("/{model}b", "/a{voice}"),
        ("/a{model}a", "/aa{voice}"),
    ],
)
def test_patterns_overlap_when_a_path_matches_both(one: str, other: str) -> None:
    assert patterns_overlap(one, other)
    assert patterns_overlap(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("/v1/chat", "/v1/chats"),
        ("/v1/{model}", "/v1/a/b"),
        ("/v1/{model}:generate", "/v1/{model}:count"),
        ("/v1/a{model}", "/v1/a"),
        ("/v1/x{model}", "/v1/y{model}"),
    ],
)
def test_patterns_do_not_overlap_when_no_path_matches_both(
    one: str, other: str
) -> None:
    assert not patterns_overlap(one, other)
    assert not patterns_overlap(other, one)
