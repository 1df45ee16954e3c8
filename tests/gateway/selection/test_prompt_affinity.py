"""Which target is taken to hold the prompt of a conversation."""

from typing import Any

import pytest

from gateway.candidates import Candidate, Candidates
from gateway.routing import plan_route
from gateway.selection import prompt_affinity
from gateway.selection.prompt_affinity import PromptAffinity
from gateway.types import JSON, InferenceRequest
from tests.gateway.records import ENDPOINT, model, provider, request

LONG = "Read this very carefully, please. " * 200


def candidate(number: int, usd: str = "1", **fields: Any) -> Candidate:
    record = model(number, provider(f"p{number}", number), usd=usd)
    values = {"priority": 1, "weight": 100, "turn": 0, **fields}
    return Candidate(record, ENDPOINT, None, record.sheet_at(1.0), **values)


def choice(*able: Candidate, strategy: str = "cheapest", **fields: Any) -> Candidates:
    return Candidates("fast", strategy, {}, able=list(able), input_tokens=99, **fields)


def asked(*turns: JSON, of: str = "messages") -> InferenceRequest:
    made = request("fast", body={of: list(turns)})
    made.size = sum(len(str(turn)) for turn in turns)
    return made


def said(text: str, role: str = "user") -> JSON:
    return {"role": role, "content": text}


ONE, TWO = candidate(1), candidate(2)
FIRST = said(LONG)


def first_of(
    affinity: PromptAffinity, candidates: Candidates, *turns: JSON, of: str = "messages"
) -> int:
    route = plan_route(candidates, asked(*turns, of=of), affinity)
    assert sorted(c.model.id for c in route) == sorted(
        c.model.id for c in candidates.able
    )
    return route[0].model.id


@pytest.mark.parametrize(
    ("of", "first", "added"),
    [
        ("messages", FIRST, [said("Yes.", "assistant"), said("More.")]),
        (
            "messages",
            FIRST,
            [
                {"role": "assistant", "tool_calls": [{"id": "1"}]},
                {"role": "tool", "content": "1"},
                {"role": "tool", "content": "2"},
            ],
        ),
        (
            "contents",
            {"role": "user", "parts": [{"text": LONG}]},
            [
                {"role": "model", "parts": [{"text": "Yes."}]},
                {"parts": [{"text": "?"}]},
            ],
        ),
        (
            "input",
            FIRST,
            [
                {"type": "reasoning"},
                {"type": "function_call", "name": "f"},
                {"type": "function_call_output", "output": "1"},
            ],
        ),
    ],
)
def test_the_next_turn_goes_to_who_answered_the_last(
    of: str, first: JSON, added: list[JSON]
) -> None:
    affinity = PromptAffinity()
    affinity.note(asked(first, of=of), choice(ONE, TWO), TWO)

    found = choice(ONE, TWO)
    assert first_of(affinity, found, first, *added, of=of) == 2
    assert found.decision(found.able)["first"] == "prompt_held"
    assert first_of(affinity, choice(ONE, TWO), first, of=of) == 1


def test_another_conversation_project_or_alias_knows_nothing_of_it() -> None:
    affinity = PromptAffinity()
    affinity.note(asked(FIRST), choice(ONE, TWO), TWO)
    more = [said("Yes.", "assistant"), said("More.")]

    assert first_of(affinity, choice(ONE, TWO), said("x" + LONG), *more) == 1
    other = choice(ONE, TWO, project_id=7)
    assert first_of(affinity, other, FIRST, *more) == 1
    other = choice(ONE, TWO)
    other.alias = "smart"
    assert first_of(affinity, other, FIRST, *more) == 1


@pytest.mark.parametrize(
    ("able", "strategy", "first"),
    [
        ((ONE, candidate(2, "1.1")), "cheapest", 2),
        ((ONE, candidate(2, "2")), "cheapest", 1),
        ((ONE, candidate(2, priority=2)), "priority", 1),
        ((candidate(1, priority=2), candidate(2, priority=2)), "priority", 2),
        ((ONE, candidate(2, turn=1)), "cheapest", 1),
        ((ONE, candidate(3)), "cheapest", 1),
    ],
)
def test_it_only_decides_among_those_that_are_about_as_good(
    able: tuple[Candidate, ...], strategy: str, first: int
) -> None:
    affinity = PromptAffinity()
    affinity.note(asked(FIRST), choice(ONE, TWO), TWO)
    turns = [FIRST, said("Yes.", "assistant"), said("More.")]

    assert first_of(affinity, choice(*able, strategy=strategy), *turns) == first


def test_what_is_short_or_leaves_no_choice_is_not_remembered() -> None:
    affinity = PromptAffinity()

    affinity.note(asked(said("Hi")), choice(ONE, TWO), TWO)
    affinity.note(asked(FIRST), choice(ONE), ONE)

    assert len(affinity) == 0


def test_a_prompt_is_not_held_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    affinity = PromptAffinity()
    monkeypatch.setattr(prompt_affinity, "_KEPT_S", -1.0)
    affinity.note(asked(FIRST), choice(ONE, TWO), TWO)
    turns = [FIRST, said("Yes.", "assistant"), said("More.")]

    assert first_of(affinity, choice(ONE, TWO), *turns) == 1


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prompt_affinity, "_MAX_CONVERSATIONS", 3)
    affinity = PromptAffinity()

    for number in range(10):
        affinity.note(asked(said(f"{number}{LONG}")), choice(ONE, TWO), TWO)

    assert len(affinity) == 3


@pytest.mark.parametrize(
    "turns",
    [[], [5], [[]], [{"role": []}], [{"role": "assistant"}], ["x", {"type": {}}]],
)
def test_no_body_is_too_strange(turns: list[Any]) -> None:
    affinity = PromptAffinity()
    strange = request("fast", body={"messages": turns, "input": 5})
    strange.size = 10_000
    affinity.note(strange, choice(ONE, TWO), TWO)

    assert affinity.target_of(strange, choice(ONE, TWO)) is None
