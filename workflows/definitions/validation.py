"""Everything that is wrong with a definition, at once, each mistake with its place."""

from collections.abc import Iterator
from typing import Any

import orjson

from workflows.actions.foreach import REPEATABLE
from workflows.actions.registry import ACTIONS
from workflows.definitions.checkers import checker_of, input_checker
from workflows.definitions.expressions.expression import parse
from workflows.definitions.expressions.reading import Malformed
from workflows.definitions.graph import Graph
from workflows.definitions.links import LINKS, graph_of, has_id, links_of
from workflows.definitions.mistakes import MAX_SHOWN, Mistake, mistakes_by, shown
from workflows.definitions.paths import INDEX, INPUT, ITEM, OUTPUT, RESERVED, Path
from workflows.definitions.placeholders import paths_in
from workflows.definitions.steps import JSON
from workflows.limits import MAX_DEFINITION_BYTES, MAX_MISTAKES

# What a step inside a foreach may say.
_REPEATED = ("action", "provider", "model", "input")


def mistakes_in(said: Any) -> list[Mistake]:
    """Return what is wrong, in the order of the definition; empty: it can be run."""
    found: list[Mistake] = []
    for mistake in _mistakes(said):
        if mistake not in found:
            found.append(mistake)
        if len(found) == MAX_MISTAKES:
            break
    return found


def input_mistakes(action: str, value: Any) -> list[Mistake]:
    """Return what is wrong with an input whose placeholders have been filled."""
    return list(mistakes_by(value, input_checker(action, is_filled=True), "input"))


def _mistakes(said: Any) -> Iterator[Mistake]:
    if not isinstance(said, dict):
        yield Mistake("", "A definition is a JSON object.")
        return
    try:
        size = len(orjson.dumps(said))
    except (TypeError, ValueError, RecursionError):
        yield Mistake("", "The definition is no JSON, or nested too deeply.")
        return
    if size > MAX_DEFINITION_BYTES:
        yield Mistake("", f"A definition has at most {MAX_DEFINITION_BYTES} bytes.")
        return
    yield from mistakes_by(said, checker_of("definition"), "")
    steps = said.get("steps")
    if not isinstance(steps, list):
        return
    graph = graph_of(said)
    is_acyclic = not graph.cycle()
    ancestors = graph.ancestors() if is_acyclic else {}
    seen: set[str] = set()
    for at, step in enumerate(steps):
        place = f"steps[{at}]"
        if not isinstance(step, dict):
            continue
        yield from mistakes_by(step, checker_of("step"), place)
        if has_id(step):
            if step["id"] in seen:
                yield Mistake(f"{place}.id", f"{shown(step['id'])} is used twice.")
            if step["id"] in RESERVED:
                yield Mistake(f"{place}.id", f"{step['id']!r} has a meaning already.")
            seen.add(step["id"])
        yield from _step_mistakes(step, place, graph, ancestors)
    yield from _graph_mistakes(steps, graph)


def _step_mistakes(
    step: JSON, place: str, graph: Graph, ancestors: dict[str, set[str]]
) -> Iterator[Mistake]:
    for name in LINKS:
        for other in links_of(step, name):
            if other not in graph.steps:
                yield Mistake(f"{place}.{name}", f"There is no step {shown(other)}.")
    step_id = step["id"] if has_id(step) else ""
    earlier = ancestors.get(step_id, set(graph.steps)) - {step_id}
    action = step.get("action")
    if isinstance(action, str) and action in ACTIONS:
        yield from _action_mistakes(step, action, place, graph, earlier)
    approval = step.get("approval")
    yield from _path_mistakes(approval, f"{place}.approval", graph, earlier)
    yield from _when_mistakes(step, place, graph, earlier)


def _action_mistakes(
    step: JSON, action: str, place: str, graph: Graph, earlier: set[str]
) -> Iterator[Mistake]:
    given = step.get("input", {})
    if isinstance(given, dict):
        checker = input_checker(action, is_filled=False)
        yield from mistakes_by(given, checker, f"{place}.input")
        if action == "foreach":
            yield from _foreach_mistakes(given, f"{place}.input", graph, earlier)
            given = {name: each for name, each in given.items() if name != "step"}
        yield from _path_mistakes(given, f"{place}.input", graph, earlier)
    if action == "condition" and "when" not in step:
        yield Mistake(f"{place}.when", "A condition needs 'when'.")
    if action == "generate" and isinstance(given, dict):
        yield from _generate_mistakes(given, f"{place}.input")


def _generate_mistakes(given: JSON, place: str) -> Iterator[Mistake]:
    if given.get("operation", "chat") != "chat":
        return
    has_prompt, has_messages = "prompt" in given, "messages" in given
    if not has_prompt and not has_messages:
        yield Mistake(f"{place}.prompt", "Give a 'prompt', or 'messages'.")
    if has_prompt and has_messages:
        yield Mistake(f"{place}.messages", "Give 'prompt' or 'messages', not both.")


def _foreach_mistakes(
    given: JSON, place: str, graph: Graph, earlier: set[str]
) -> Iterator[Mistake]:
    repeated = given.get("step")
    if not isinstance(repeated, dict):
        return
    place = f"{place}.step"
    for name in repeated:
        if name not in _REPEATED:
            known = ", ".join(_REPEATED)
            msg = f"It is not known inside a foreach; there are {known}."
            yield Mistake(f"{place}.{name[:MAX_SHOWN]}", msg)
    action = repeated.get("action")
    if action not in REPEATABLE:
        msg = f"A foreach repeats one of {', '.join(REPEATABLE)}."
        yield Mistake(f"{place}.action", msg)
        return
    for name in ("provider", "model"):
        if not isinstance(repeated.get(name, ""), str):
            yield Mistake(f"{place}.{name}", "It must be a text.")
    inner = repeated.get("input", {})
    if not isinstance(inner, dict):
        yield Mistake(f"{place}.input", "It must be an object.")
        return
    checker = input_checker(action, is_filled=False)
    yield from mistakes_by(inner, checker, f"{place}.input")
    if action == "generate":
        yield from _generate_mistakes(inner, f"{place}.input")
    yield from _path_mistakes(inner, f"{place}.input", graph, earlier, is_repeated=True)


def _path_mistakes(
    value: Any,
    place: str,
    graph: Graph,
    earlier: set[str],
    *,
    is_repeated: bool = False,
) -> Iterator[Mistake]:
    for inner, path in paths_in(value):
        msg = _wrong_with(path, graph, earlier, is_repeated=is_repeated)
        if msg:
            yield Mistake(f"{place}{inner}", msg)


def _when_mistakes(
    step: JSON, place: str, graph: Graph, earlier: set[str]
) -> Iterator[Mistake]:
    when = step.get("when")
    if not isinstance(when, str):
        return
    try:
        expression = parse(when)
    except Malformed as error:
        yield Mistake(f"{place}.when", str(error))
        return
    for path in expression.paths:
        if msg := _wrong_with(path, graph, earlier, is_repeated=False):
            yield Mistake(f"{place}.when", msg)


def _wrong_with(
    path: Path, graph: Graph, earlier: set[str], *, is_repeated: bool
) -> str:
    """Return what is wrong with the name of a value, nothing when it is right."""
    name = shown(".".join(path))
    root = path[0]
    if root == INPUT:
        return ""
    if root in {ITEM, INDEX}:
        return "" if is_repeated else f"{name}: only a foreach has that."
    if root not in graph.steps:
        return f"There is no value {name}: no step is called {shown(root)}."
    if len(path) < 2 or path[1] != OUTPUT:
        return f"There is no value {name}; write {root}.{OUTPUT}."
    if root not in earlier:
        msg = f"{shown(root)} does not come before this step; add it to 'dependsOn'."
        return f"There is no value {name} yet: {msg}"
    return ""


def _graph_mistakes(steps: list[Any], graph: Graph) -> Iterator[Mistake]:
    places = {
        each["id"]: f"steps[{at}]" for at, each in enumerate(steps) if has_id(each)
    }
    if cycle := graph.cycle():
        msg = f"The steps lead to one another in a circle: {' → '.join(cycle)}."
        yield Mistake(places[cycle[0]], msg)
    for step in graph.unreachable():
        msg = (
            "Nothing leads to this step. Name it in another's 'onSuccess' or "
            "'onFailure', or give it 'dependsOn'; [] lets it begin with the run."
        )
        yield Mistake(places[step], msg)
