"""A context is put into the same words every time, and never into more than has room."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gateway.context.choosing import Opened
from gateway.context.wording import words_of
from gateway.selection.text_tokens import tokens_in
from tenants.context.scopes import (
    BY_KIND,
    DEFAULT_ENTRY_TEMPLATE,
    DEFAULT_TEMPLATE,
    ENTRY_PLACES,
    OLDEST_FIRST,
    PLACES,
    READY,
    BadKinds,
    KindRule,
    ScopeRules,
    fault_of_template,
    kinds_of,
)
from tenants.context.templates import fill, places_in, unknown_in

NOW = datetime(2026, 5, 4, 23, 30, tzinfo=UTC)
RULES = ScopeRules("x", template="{{entries}}", entry_template="{{content}}")


def entries(*texts: Any, kind: str = "feels") -> list[Opened]:
    return [
        Opened(kind, NOW - timedelta(hours=n), text) for n, text in enumerate(texts)
    ]


def test_entries_stand_in_the_order_that_the_scope_says() -> None:
    some = [*entries("b", "a", kind="one"), *entries("c", kind="two")]
    kinds = (KindRule("two", None, 5), KindRule("*", None, 5))

    def text(**changes: Any) -> str:
        rules = replace(RULES, **changes)
        return words_of(rules, "", some, NOW, "UTC").within(100).text

    assert text() == "b\na\nc"
    assert text(order=OLDEST_FIRST) == "c\na\nb"
    assert text(order=BY_KIND, kinds=kinds) == "c\nb\na"


def test_what_was_chosen_last_goes_first() -> None:
    words = words_of(
        RULES, "", entries("one day", "two days", "three days"), NOW, "UTC"
    )

    lengths = [words.within(tokens).entries for tokens in range(20)]

    assert lengths == sorted(lengths)
    assert set(lengths) == {0, 1, 2, 3}
    assert words.within(6).text == "one day\ntwo days"


def test_dates_are_those_of_the_projects_time_zone() -> None:
    rules = ScopeRules("x", template="{{weekday}} {{date}}\n{{entries}}")

    text = words_of(rules, "", entries("x"), NOW, "Asia/Tokyo").within(100).text

    assert text == "Tuesday 2026-05-05\n- 2026-05-05 feels: x"


def test_kinds_that_have_a_place_of_their_own_stand_there() -> None:
    rules = replace(RULES, template="P: {{entries.profile}}\nAll: {{entries}}")
    some = [*entries("calm"), *entries("tall", kind="profile")]

    text = words_of(rules, "", some, NOW, "UTC").within(100).text

    assert text == "P: tall\nAll: calm"


def test_a_line_of_which_all_is_empty_is_left_out() -> None:
    rules = ScopeRules("x", template=READY["minimal"].template)

    assert words_of(rules, "", [], NOW, "UTC").within(100).text == (
        "Today is Monday, 2026-05-04."
    )
    assert (
        "The user's name is Ada."
        in words_of(rules, "Ada", [], NOW, "UTC").within(100).text
    )


TEXTS = st.text(alphabet='ab {}%"\\\n漢é€1', max_size=30)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXTS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3)
    ),
    max_leaves=5,
)


@given(st.lists(JSON, max_size=12), st.integers(0, 120), st.sampled_from(["", BY_KIND]))
def test_no_text_is_longer_than_its_budget(
    contents: list[Any], budget: int, order: str
) -> None:
    rules = replace(RULES, token_budget=budget, order=order or RULES.order)
    some = entries(*contents)

    first = words_of(rules, "Ada", some, NOW, "UTC").within(budget)
    again = words_of(rules, "Ada", some, NOW, "UTC").within(budget)

    assert first == again
    assert tokens_in(first.text) <= budget
    assert "Ada" not in repr(words_of(rules, "Ada", some, NOW, "UTC"))


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    st.text(alphabet="{} \nabentrisd.%$()_'\"name", max_size=80),
    st.dictionaries(st.sampled_from(["name", "date", "entries"]), TEXTS),
)
@example("{{name}}", {"name": "{{date}}", "date": "x"})
@example("{{ name.__class__ }}{{7*7}}{% if 1 %}", {})
def test_a_template_puts_texts_in_and_does_nothing_else(
    template: str, values: dict[str, str]
) -> None:
    text = fill(template, values)

    # Without its places and what was put in, it is what it was, line by line.
    for line in template.split("\n"):
        if not places_in(line) and line:
            assert line in text
    assert "49" not in text or "49" in "".join([template, *values.values()])
    if values.get("name") == "{{date}}" and template == "{{name}}":
        assert text == "{{date}}"


def test_what_is_no_place_is_refused() -> None:
    assert unknown_in("{{name}} {{entries.feels}}", PLACES) == []
    assert unknown_in("{{ name }}", PLACES) == []
    assert unknown_in("{{nam}}", PLACES) == ["{{nam}}"]
    assert unknown_in("{{name.first}}", PLACES) == ["{{name.first}}"]
    assert unknown_in("{{7*7}}", PLACES) == ["{{7*7}}"]
    assert "{{name}}" in fault_of_template("{{x}}", PLACES)
    assert fault_of_template(DEFAULT_TEMPLATE, PLACES) == ""
    assert fault_of_template(DEFAULT_ENTRY_TEMPLATE, ENTRY_PLACES) == ""


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(JSON)
def test_kinds_are_read_or_refused(value: Any) -> None:
    try:
        kinds_of(value)
    except BadKinds:
        return
    assert isinstance(value, list)
