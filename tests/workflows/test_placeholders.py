"""Text is put in place of names, and nothing else ever happens."""

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows.definitions.paths import NoSuchValue
from workflows.definitions.placeholders import (
    TooLarge,
    filled,
    only_path,
    paths_in,
    pieces_of,
)

VALUES: dict[str, Any] = {
    "a": {"output": {"text": "yes", "list": [1, {"b": None}], "number": 2.5}},
    "skipped": {"output": None},
    "input": {"name": "Ada"},
}
# What engines of templates, shells, databases and browsers would run.
INJECTIONS = [
    "{{7*7}}",
    "{{ 7 * 7 }}",
    "${7*7}",
    "#{7*7}",
    "<%= 7*7 %>",
    "{% for x in (1).__class__.__base__.__subclasses__() %}{% endfor %}",
    "{{''.__class__.__mro__[1].__subclasses__()}}",
    "{{config.items()}}",
    "{{request|attr('application')}}",
    "{{a.output.text|upper}}",
    "{{a['output']}}",
    "{{a.output.text.upper()}}",
    "{{#each items}}{{/each}}",
    "{{}}",
    "{{ }}",
    "{{.}}",
    "{{a..b}}",
    "{{a.output",
    "a.output}}",
    "{{{{",
    "}}{{",
    "{{\na.output\n}}",
    "%(name)s",
    "{0.__class__}",
    "`id`",
    "$(id)",
    "'; DROP TABLE workflows_workflowrun; --",
    "<script>alert(1)</script>",
    "\x00\u202e{{",
]
anything = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


def fill(value: Any, values: dict[str, Any] | None = None) -> Any:
    return filled(value, VALUES if values is None else values, 100_000)


@pytest.mark.parametrize("text", INJECTIONS)
def test_what_is_no_name_of_a_value_comes_through_literally(text: str) -> None:
    assert fill(text) == text
    assert fill({"x": [text]}) == {"x": [text]}


@pytest.mark.parametrize("text", INJECTIONS)
def test_what_is_put_in_is_never_looked_at_again(text: str) -> None:
    poisoned = {"a": {"output": text}, "input": {"x": "{{a.output}}"}}

    assert fill("{{a.output}}", poisoned) == text
    assert fill("<{{a.output}}|{{input.x}}>", poisoned) == f"<{text}|{{{{a.output}}}}>"


def test_one_placeholder_alone_keeps_its_type() -> None:
    assert fill("{{a.output}}") == VALUES["a"]["output"]
    assert fill(" {{a.output.number}}") == " 2.5"
    assert fill("{{ a.output.number }}") == 2.5
    assert fill(["{{a.output.list.1}}"]) == [{"b": None}]


def test_inside_a_text_values_become_text() -> None:
    said = "{{input.name}}: {{a.output.list}}, {{a.output.list.1.b}}!"

    assert fill(said) == 'Ada: [1,{"b":null}], !'


def test_braces_before_a_placeholder_stay() -> None:
    assert fill("{{{input.name}}}") == "{Ada}"


def test_below_what_was_left_out_there_is_nothing() -> None:
    assert fill("{{skipped.output.deep.down}}") is None
    assert fill("<{{skipped.output}}>") == "<>"


def test_a_member_that_is_not_there_is_an_error() -> None:
    with pytest.raises(NoSuchValue, match="a text without 'more'"):
        fill("{{a.output.text.more}}")


def test_what_comes_out_is_bounded() -> None:
    values = {"a": {"output": "x" * 1_000}}

    with pytest.raises(TooLarge):
        filled(["{{a.output}} " * 50] * 50, values, 100_000)


def test_every_name_is_found_with_its_place() -> None:
    said = {"p": "{{a.output}} {{b.output.c}}", "l": ["x", {"q": "{{input.n}}"}]}

    assert dict(paths_in(said)) == {
        ".p": ("b", "output", "c"),
        ".l[1].q": ("input", "n"),
    }


@given(text=st.text(alphabet="{}a.output input_-0 \n\"'|()[]", max_size=60))
def test_no_text_breaks_the_reader_and_all_of_it_is_kept(text: str) -> None:
    pieces = pieces_of(text)

    kept = [piece for piece in pieces if isinstance(piece, str)]
    assert sum(map(len, kept)) <= len(text)
    if all(isinstance(piece, str) for piece in pieces):
        assert "".join(kept) == text
    assert only_path(text) is None or len(pieces) == 1


@given(value=anything, output=anything)
def test_nothing_breaks_the_filling(value: Any, output: Any) -> None:
    poisoned = {"a": {"output": output}}

    assert filled({"x": "{{a.output}}"}, poisoned, 10**9) == {"x": output}
    with contextlib.suppress(NoSuchValue, TooLarge):
        filled(value, poisoned, 10**6)
