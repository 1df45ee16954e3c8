import pytest

from gateway.cache.entries import Entry, open_entry, seal_entry
from gateway.cache.memory import Memory
from usage.tokens import Tokens

SEALING = bytes(32)


def entry(key: str, size: int = 0, project_id: int = 1) -> Entry:
    return Entry(
        key=key,
        project_id=project_id,
        operation="chat",
        alias="fast",
        provider="acme",
        model_id="m1",
        model_pk=1,
        dialect="openai_chat",
        forwarded=(),
        body=bytes(size),
        content_type=b"",
        result=None,
        tokens=Tokens(),
        dropped=(),
        cost_usd=None,
        asked_at=0.0,
        expires_at=1.0,
    )


def test_the_longest_unused_answers_make_room() -> None:
    memory = Memory(max_bytes=40_000)
    for key in "abc":
        memory.put(entry(key, 10_000))
    memory.get("a")

    memory.put(entry("d", 10_000))

    assert [key for key in "abcd" if memory.get(key)] == ["a", "c", "d"]
    assert 0 < memory.bytes <= 40_000


def test_nothing_is_left_of_what_was_dropped() -> None:
    memory = Memory()
    memory.put(entry("a", 10))
    memory.put(entry("a", 20))
    memory.drop("a")
    memory.drop("b")

    assert (len(memory), memory.bytes) == (0, 0)


def test_an_answer_that_is_too_large_is_not_held() -> None:
    memory = Memory(max_bytes=100)

    memory.put(entry("a", 1_000))

    assert len(memory) == 0


def test_a_sealed_answer_opens_at_its_place() -> None:
    sealed = seal_entry(entry("a"), SEALING)

    assert open_entry(sealed, "a", 1, SEALING) == entry("a")


@pytest.mark.parametrize(
    ("key", "project_id", "sealing"),
    [("b", 1, SEALING), ("a", 2, SEALING), ("a", 1, bytes(31) + b"x")],
    ids=["another key", "another project", "another data key"],
)
def test_and_nowhere_else(key: str, project_id: int, sealing: bytes) -> None:
    """K1."""
    sealed = seal_entry(entry("a"), SEALING)

    assert open_entry(sealed, key, project_id, sealing) is None
    assert open_entry(sealed[:20], "a", 1, SEALING) is None
