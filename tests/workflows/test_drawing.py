"""The picture of a workflow: everything in it, whatever the definition says."""

import re
from typing import Any
from xml.etree import ElementTree

from hypothesis import given, settings
from hypothesis import strategies as st

from workflows.admin.drawing import Mark, draw, drawing_of
from workflows.definitions.graph import Graph, Link

_NAMES = st.sampled_from(["a", "b", "c", "d", "<e>"])
_STEPS = st.lists(
    st.fixed_dictionaries(
        {"id": _NAMES},
        optional={
            "action": st.one_of(st.text(max_size=8), st.none()),
            "onSuccess": st.one_of(_NAMES, st.lists(_NAMES)),
            "onFailure": _NAMES,
            "dependsOn": st.lists(_NAMES),
        },
    ),
    max_size=8,
)


def boxes(svg: str) -> list[tuple[float, float]]:
    found = re.findall(r'<rect x="([\d.]+)" y="([\d.]+)"', svg)
    return [(float(x), float(y)) for x, y in found]


def test_steps_follow_from_left_to_right_and_say_their_state() -> None:
    graph = Graph(("a", "b"), [Link("a", "b", "success")])

    svg = draw(graph, {"b": Mark("failed, 2 attempts", "failed")}, "A run")

    (first, _), (second, _) = boxes(svg)
    assert first < second
    assert "sb-state-failed" in svg
    assert "failed, 2 attempts" in svg
    assert "a leads to b when it goes well." in svg
    assert "<title>A run</title>" in svg


def test_a_link_goes_round_the_steps_between() -> None:
    links = [Link("a", "b", "success"), Link("b", "c", "success")]
    graph = Graph(("a", "b", "c"), [*links, Link("a", "c", "dependency")])

    svg = draw(graph, {}, "")

    heights = {y for _, y in boxes(svg)}
    lane = re.search(r'class="sb-link-dependency" d="([^"]*)"', svg)
    assert lane is not None
    assert " L" in lane[1]
    assert len(heights) == 2


@settings(max_examples=200)
@given(steps=_STEPS)
def test_whatever_is_typed_is_drawn_with_each_step_in_a_place_of_its_own(
    steps: list[dict[str, Any]],
) -> None:
    drawing = drawing_of({"steps": steps})

    if not steps:
        assert drawing is None
        return
    assert drawing is not None
    # It is well-formed, so nothing that was typed is markup.
    text = "".join(each for each in drawing if each.isprintable())
    root = ElementTree.fromstring(text)
    places = boxes(drawing)
    assert len(places) == len({step["id"] for step in steps}) == len(set(places))
    assert root.tag.endswith("svg")
