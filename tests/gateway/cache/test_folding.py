"""A whole answer and a stream of it say the same."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.cache.folding import fold, unfold
from gateway.canonical import (
    AudioDelta,
    Began,
    ChatResult,
    Choice,
    Chunk,
    Citation,
    Finished,
    Reasoning,
    Refusal,
    Text,
    TextDelta,
    ToolArgumentsDelta,
    ToolCall,
)
from usage.tokens import Tokens

WORDS = st.text(min_size=1, max_size=8)
PART = st.one_of(
    st.builds(Text, WORDS),
    st.builds(Refusal, WORDS),
    st.builds(
        Reasoning, WORDS, signature=WORDS, protocol=st.just("anthropic_messages")
    ),
    st.builds(ToolCall, WORDS, WORDS, st.just('{"a":1}')),
)
RESULT = st.builds(
    ChatResult,
    id=WORDS,
    model=WORDS,
    choices=st.lists(
        st.lists(PART, min_size=1, max_size=4), min_size=1, max_size=3
    ).map(
        lambda told: tuple(
            Choice(tuple(parts), "stop", index) for index, parts in enumerate(told)
        )
    ),
    tokens=st.just(Tokens(input=3, output=5)),
    citations=st.lists(st.builds(Citation, WORDS), max_size=2).map(tuple),
)


def joined(choice: Choice) -> Choice:
    """Return the choice with texts in a row as one, which is how they arrive."""
    parts: list[object] = []
    for part in choice.parts:
        if parts and isinstance(part, Text) and isinstance(parts[-1], Text):
            parts[-1] = Text(parts[-1].text + part.text)
        else:
            parts.append(part)
    return msgspec.structs.replace(choice, parts=tuple(parts))


@given(RESULT)
def test_what_is_told_again_is_what_was_told(result: ChatResult) -> None:
    choices = tuple(joined(choice) for choice in result.choices)

    assert fold(unfold(result)) == msgspec.structs.replace(result, choices=choices)


@pytest.mark.parametrize(
    "chunks",
    [
        [],
        [Began("a", "b")],
        [TextDelta("cut")],
        [AudioDelta(b"sound"), Finished("stop")],
        [ToolArgumentsDelta(0, "{}"), Finished("stop")],
        [TextDelta("one"), Finished("stop"), TextDelta("cut", 1)],
    ],
    ids=str,
)
def test_what_has_no_end_or_cannot_be_told_again_is_no_answer(
    chunks: list[Chunk],
) -> None:
    assert fold(chunks) is None
