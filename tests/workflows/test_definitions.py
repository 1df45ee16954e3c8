"""Definitions: what is accepted, and everything that is wrong with the others, at once."""

import re
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workflows.definitions.flow import Flow, Verdict
from workflows.definitions.links import graph_of
from workflows.definitions.schema import published
from workflows.definitions.steps import read_definition
from workflows.definitions.validation import mistakes_in
from workflows.limits import MAX_DEFINITION_BYTES, MAX_STEPS

BASIC = {
    "name": "content-generation",
    "version": 1,
    "steps": [
        {
            "id": "generate",
            "action": "generate",
            "provider": "openai",
            "input": {"prompt": "Write a blog post about AI", "maxTokens": 500},
        }
    ],
}
CHAIN = {
    "name": "research-and-summarize",
    "version": 1,
    "steps": [
        {
            "id": "research",
            "action": "generate",
            "provider": "perplexity",
            "input": {"prompt": "Research latest AI trends", "maxTokens": 1000},
            "onSuccess": "summarize",
        },
        {
            "id": "summarize",
            "action": "generate",
            "provider": "anthropic",
            "input": {"prompt": "Summarize: {{research.output}}", "maxTokens": 200},
        },
    ],
}
RETRY = {
    "name": "resilient-generation",
    "version": 1,
    "steps": [
        {
            "id": "generate",
            "action": "generate",
            "input": {"prompt": "Generate content"},
            "retry": {"maxAttempts": 3, "delayMs": 1000},
            "onFailure": "fallback",
        },
        {
            "id": "fallback",
            "action": "generate",
            "provider": "groq",
            "input": {"prompt": "Simple fallback"},
        },
    ],
}
PARALLEL = {
    "name": "parallel",
    "steps": [
        {"id": "a", "action": "generate", "input": {"prompt": "A"}},
        {"id": "b", "action": "generate", "input": {"prompt": "B"}},
        {
            "id": "join",
            "action": "generate",
            "input": {"prompt": "{{a.output}} {{b.output}}"},
            "dependsOn": ["a", "b"],
        },
    ],
}
CONTROLS = {
    "name": "all that there is",
    "description": "x",
    "maxCostUSD": 1.5,
    "timeoutMs": 60_000,
    "strictProviders": True,
    "steps": [
        {
            "id": "ask",
            "action": "approval",
            "input": {"message": "Really, {{input.name}}?", "byAnother": True},
            "onSuccess": ["each", "sub"],
        },
        {
            "id": "each",
            "action": "foreach",
            "input": {
                "items": "{{input.items}}",
                "concurrency": "{{input.n}}",
                "step": {
                    "action": "generate",
                    "input": {"prompt": "{{index}}: {{item.text}}"},
                },
            },
            "approval": {"message": "All of them?", "timeoutMs": 1000},
            "maxCostUSD": 0.5,
            "onInterrupted": "ask",
        },
        {
            "id": "sub",
            "action": "workflow",
            "input": {"workflow": "other", "input": {"x": "{{ask.output}}"}},
            "when": "length(input.items) > 0 and input.name != 'x'",
        },
        {
            "id": "tell",
            "action": "webhook",
            "dependsOn": ["each", "sub"],
            "input": {"url": "https://a.example", "payload": "{{each.output}}"},
        },
    ],
}
GOOD = [BASIC, CHAIN, RETRY, PARALLEL, CONTROLS]


def step(step_id: str = "a", **fields: Any) -> dict[str, Any]:
    return {"id": step_id, "action": "transform", "input": {"from": 1}, **fields}


def wrong(*steps: Any, **fields: Any) -> str:
    return "\n".join(
        map(str, mistakes_in({"name": "x", "steps": list(steps), **fields}))
    )


@pytest.mark.parametrize("definition", GOOD, ids=lambda each: each["name"])
def test_good_definitions_have_no_mistakes(definition: dict[str, Any]) -> None:
    assert mistakes_in(definition) == []
    jsonschema.validate(definition, published())
    assert list(read_definition(definition).steps) == [
        each["id"] for each in definition["steps"]
    ]


def test_the_published_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(published())


def test_all_mistakes_are_told_at_once_each_with_its_place() -> None:
    found = wrong(
        step("a", onSuccess="nowhere", retry={"maxAttempts": "3", "often": 1}),
        step("a", dependsOn=["a"]),
        step("c", when="1 <", input={"from": "{{zzz.output}}", "extra": 1}),
        {"action": "dance"},
        "no step",
        maxCostUSD=-1,
        unknown=1,
    )

    for line in (
        "'unknown' is not known",
        "maxCostUSD: It must be at least 0.",
        "steps[0].onSuccess: There is no step 'nowhere'.",
        "steps[0].retry.maxAttempts: It must be a whole number.",
        "steps[0].retry: 'often' is not known; there are maxAttempts, delayMs.",
        "steps[1].id: 'a' is used twice.",
        "steps[2].when: It ends where a value was expected.",
        "steps[2].input.from: There is no value 'zzz.output': no step is called 'zzz'.",
        "steps[2].input: 'extra' is not known",
        "steps[3]: 'id' must be given.",
        "steps[3].action: It must be one of generate,",
        "steps[4]: It must be an object.",
    ):
        assert line in found, found


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([step("a", onSuccess="b"), step("b", onSuccess="a")], "in a circle: "),
        ([step("a", dependsOn=["a"])], "in a circle: a → a."),
        (
            [step("a", onSuccess="b"), step("b"), step("orphan")],
            "steps[2]: Nothing leads to this step.",
        ),
        (
            [step("a"), step("x", onSuccess="y"), step("y")],
            "steps[1]: Nothing leads to this step.",
        ),
        (
            [step("a"), step("b", dependsOn=[], input={"from": "{{a.output}}"})],
            "There is no value 'a.output' yet: 'a' does not come before",
        ),
        ([step("a", input={"from": "{{a.output}}"})], "no value 'a.output' yet"),
        ([step("a", onSuccess="b"), step("b", when="a == 1")], "write a.output"),
        ([step("a", input={"from": "{{item}}"})], "only a foreach has that"),
        ([step("input")], "'input' has a meaning already"),
        ([step("1a")], "steps[0].id: Begin with a letter"),
        ([{"id": "a", "action": "condition"}], "A condition needs 'when'."),
        ([{"id": "a", "action": "generate", "input": {}}], "Give a 'prompt'"),
        ([{"id": "a", "action": "foreach"}], "'items' and 'step' must be given"),
        (
            [
                {
                    "id": "a",
                    "action": "foreach",
                    "input": {"items": [], "step": {"action": "foreach"}},
                }
            ],
            "steps[0].input.step.action: A foreach repeats one of",
        ),
        (
            [{"id": "a", "action": "webhook", "input": {"url": "x", "secret": ""}}],
            "secret",
        ),
        ([step(f"s{i}") for i in range(MAX_STEPS + 1)], "steps: It may have 200"),
        (
            [step("a", input={"from": "x" * MAX_DEFINITION_BYTES})],
            "at most 262144 bytes",
        ),
    ],
)
def test_each_kind_of_mistake_is_named(steps: list[Any], expected: str) -> None:
    assert expected in wrong(*steps)


@pytest.mark.parametrize("said", [None, 5, "x", [], {}, {"steps": {}}, {"steps": [[]]}])
def test_what_is_no_definition_is_refused(said: Any) -> None:
    assert mistakes_in(said)


def test_steps_are_drawn_in_columns() -> None:
    assert graph_of(CONTROLS).layers() == [["ask"], ["each", "sub"], ["tell"]]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    *("id", "action", "input", "steps", "name", "when", "retry"),
                    *("onSuccess", "onFailure", "dependsOn", "step", "items"),
                    *("approval", "maxCostUSD", "prompt", "from", "concurrency"),
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=25,
)


@settings(max_examples=300)
@given(said=json_values)
def test_no_json_breaks_the_validation(said: Any) -> None:
    for mistake in mistakes_in(said):
        assert mistake.message


links = st.lists(st.sampled_from(list("abcdefg")), max_size=3)
linked_steps = st.lists(
    st.fixed_dictionaries(
        {"id": st.sampled_from(list("abcdefg")), "action": st.just("transform")},
        optional={"onSuccess": links, "onFailure": links, "dependsOn": links},
    ),
    min_size=1,
    max_size=7,
    unique_by=lambda each: str(each["id"]),
)


@settings(max_examples=300)
@given(steps=linked_steps, data=st.data())
def test_every_definition_without_mistakes_comes_to_an_end(
    steps: list[dict[str, Any]], data: st.DataObject
) -> None:
    """Whatever its steps come to: each is decided on once, and none is left."""
    said = {"name": "x", "steps": [{**each, "input": {"from": 1}} for each in steps]}
    if mistakes_in(said):
        return
    flow = Flow(read_definition(said))
    settled: dict[str, Verdict] = {}
    begun: set[str] = set()
    for _ in range(len(steps) + 1):
        decision = flow.decide(settled, begun)
        assert not (set(decision.begin) | set(decision.skip)) & (begun | set(settled))
        settled |= dict.fromkeys(decision.skip, Verdict.SKIPPED)
        begun |= set(decision.begin)
        if not begun:
            break
        ended = data.draw(st.sampled_from(sorted(begun)))
        begun.discard(ended)
        settled[ended] = data.draw(
            st.sampled_from([Verdict.WELL, Verdict.NOT, Verdict.FAILED])
        )

    assert not begun
    assert set(settled) == {each["id"] for each in steps}


def test_the_order_in_which_parallel_steps_end_changes_nothing() -> None:
    flow = Flow(
        read_definition(
            {
                "name": "x",
                "steps": [
                    step("a", onSuccess="m"),
                    step("b", onSuccess="m", dependsOn=[]),
                    step("m"),
                ],
            }
        )
    )

    assert flow.decide({"a": Verdict.WELL}, {"b"}).begin == []
    assert flow.decide({"a": Verdict.WELL, "b": Verdict.FAILED}, set()).begin == ["m"]


def test_paths_of_mistakes_can_be_followed() -> None:
    said: dict[str, Any] = {
        "name": "x",
        "steps": [step("a"), step("b", input={"from": "{{q.output}}"})],
    }

    place = re.fullmatch(r"steps\[(\d+)\]\.input\.from", mistakes_in(said)[0].path)
    assert place is not None
    assert said["steps"][int(place[1])]["id"] == "b"
