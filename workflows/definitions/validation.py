"""Everything that is wrong with a definition, at once, each mistake with its place."""

from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

import jsonschema
import orjson
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from workflows.actions.foreach import REPEATABLE
from workflows.actions.registry import ACTIONS
from workflows.definitions import expressions
from workflows.definitions.graph import Graph, Link
from workflows.definitions.paths import INDEX, INPUT, ITEM, OUTPUT, RESERVED, Path
from workflows.definitions.placeholders import only_path, paths_in
from workflows.definitions.schema import DEFINITION, STEP
from workflows.definitions.steps import JSON, as_links
from workflows.limits import MAX_DEFINITION_BYTES, MAX_MISTAKES

_LINKS = ("onSuccess", "onFailure", "dependsOn")
_KINDS = {"onSuccess": "success", "onFailure": "failure", "dependsOn": "dependency"}
# What a step inside a foreach may say.
_REPEATED = ("action", "provider", "model", "input")
_MAX_SHOWN = 60


class Mistake(NamedTuple):
    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


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
    return list(_by_schema(value, _input_checker(action, is_filled=True), "input"))


def graph_of(said: JSON) -> Graph:
    """Return the links between the steps of a definition; unknown ones are left out."""
    steps = [each for each in said["steps"] if _has_id(each)]
    known = dict.fromkeys(each["id"] for each in steps)
    graph = Graph(tuple(known))
    for each in steps:
        for name, kind in _KINDS.items():
            for other in _links_of(each, name):
                if other in known:
                    source, target = each["id"], other
                    if kind == "dependency":
                        source, target = target, source
                    graph.links.append(Link(source, target, kind))
    graph.begins = frozenset(
        each["id"] for each in steps if each.get("dependsOn") == []
    )
    return graph


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
    yield from _by_schema(said, _checker("definition"), "")
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
        yield from _by_schema(step, _checker("step"), place)
        if _has_id(step):
            if step["id"] in seen:
                yield Mistake(f"{place}.id", f"{_shown(step['id'])} is used twice.")
            if step["id"] in RESERVED:
                yield Mistake(f"{place}.id", f"{step['id']!r} has a meaning already.")
            seen.add(step["id"])
        yield from _step_mistakes(step, place, graph, ancestors)
    yield from _graph_mistakes(steps, graph)


def _step_mistakes(
    step: JSON, place: str, graph: Graph, ancestors: dict[str, set[str]]
) -> Iterator[Mistake]:
    for name in _LINKS:
        for other in _links_of(step, name):
            if other not in graph.steps:
                yield Mistake(f"{place}.{name}", f"There is no step {_shown(other)}.")
    step_id = step["id"] if _has_id(step) else ""
    earlier = ancestors.get(step_id, set(graph.steps)) - {step_id}
    action = step.get("action")
    if isinstance(action, str) and action in ACTIONS:
        yield from _action_mistakes(step, action, place, graph, earlier)
    for field in ("approval",):
        yield from _path_mistakes(step.get(field), f"{place}.{field}", graph, earlier)
    yield from _when_mistakes(step, place, graph, earlier)


def _action_mistakes(
    step: JSON, action: str, place: str, graph: Graph, earlier: set[str]
) -> Iterator[Mistake]:
    given = step.get("input", {})
    if isinstance(given, dict):
        checker = _input_checker(action, is_filled=False)
        yield from _by_schema(given, checker, f"{place}.input")
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
            yield Mistake(f"{place}.{name[:_MAX_SHOWN]}", msg)
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
    checker = _input_checker(action, is_filled=False)
    yield from _by_schema(inner, checker, f"{place}.input")
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
        expression = expressions.parse(when)
    except expressions.Malformed as error:
        yield Mistake(f"{place}.when", str(error))
        return
    for path in expression.paths:
        if msg := _wrong_with(path, graph, earlier, is_repeated=False):
            yield Mistake(f"{place}.when", msg)


def _wrong_with(
    path: Path, graph: Graph, earlier: set[str], *, is_repeated: bool
) -> str:
    """Return what is wrong with the name of a value, nothing when it is right."""
    name = _shown(".".join(path))
    root = path[0]
    if root == INPUT:
        return ""
    if root in {ITEM, INDEX}:
        return "" if is_repeated else f"{name}: only a foreach has that."
    if root not in graph.steps:
        return f"There is no value {name}: no step is called {_shown(root)}."
    if len(path) < 2 or path[1] != OUTPUT:
        return f"There is no value {name}; write {root}.{OUTPUT}."
    if root not in earlier:
        msg = f"{_shown(root)} does not come before this step; add it to 'dependsOn'."
        return f"There is no value {name} yet: {msg}"
    return ""


def _graph_mistakes(steps: list[Any], graph: Graph) -> Iterator[Mistake]:
    places = {
        each["id"]: f"steps[{at}]" for at, each in enumerate(steps) if _has_id(each)
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


def _has_id(step: Any) -> bool:
    return isinstance(step, dict) and isinstance(step.get("id"), str)


def _links_of(step: JSON, name: str) -> tuple[str, ...]:
    said = step.get(name)
    if not isinstance(said, str | list):
        return ()
    named: tuple[Any, ...] = as_links(said)
    return tuple(each for each in named if isinstance(each, str))


def _by_schema(
    value: Any, checker: Draft202012Validator, place: str
) -> Iterator[Mistake]:
    for error in checker.iter_errors(value):
        where = place
        for part in error.absolute_path:
            where += f"[{part}]" if isinstance(part, int) else f".{part}"
        yield Mistake(where.removeprefix("."), _words(error))


def _words(error: ValidationError) -> str:
    """Say what is wrong without repeating a value that may be long."""
    wanted: Any = error.validator_value
    match error.validator:
        case "type":
            kinds = wanted if isinstance(wanted, list) else [wanted]
            return f"It must be {' or '.join(_KIND_WORDS[kind] for kind in kinds)}."
        case "enum":
            return f"It must be one of {', '.join(map(str, wanted))}."
        case "required":
            present: Any = error.instance
            missing = [name for name in wanted if name not in present]
            return f"{' and '.join(map(repr, missing))} must be given."
        case "additionalProperties":
            schema: Any = error.schema
            given: Any = error.instance
            known = schema.get("properties", {})
            extra = [name for name in given if name not in known]
            names = ", ".join(_shown(name) for name in extra[:5])
            return f"{names} is not known; there are {', '.join(known)}."
        case "minimum" | "maximum":
            word = "least" if error.validator == "minimum" else "most"
            return f"It must be at {word} {wanted}."
        case "minLength" | "minItems" | "minProperties":
            return "It must not be empty."
        case "maxLength" | "maxItems" | "maxProperties":
            return f"It may have {wanted} parts at most."
        case "pattern":
            return "Begin with a letter; then letters, digits, '_' and '-'."
    return error.message[:200]


_KIND_WORDS = {
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "object": "an object",
    "array": "a list",
    "boolean": "true or false",
    "null": "null",
}


def _shown(text: str) -> str:
    return repr(text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}…")


@cache
def _checker(kind: str) -> Draft202012Validator:
    return Draft202012Validator({"definition": DEFINITION, "step": STEP}[kind])


@cache
def _input_checker(action: str, *, is_filled: bool) -> Draft202012Validator:
    """Return what checks an input; before it is filled a placeholder may be anything."""
    schema: JSON = ACTIONS[action].INPUT
    checker: Draft202012Validator = (
        Draft202012Validator(schema) if is_filled else _Unfilled(schema)
    )
    return checker


def _unless_placeholder(check: Any) -> Any:
    """Return a keyword of JSON Schema that lets placeholders pass."""

    def checked(validator: Any, wanted: Any, value: Any, schema: Any) -> Any:
        if isinstance(value, str) and only_path(value) is not None:
            return
        yield from check(validator, wanted, value, schema) or ()

    return checked


_Unfilled: Any = jsonschema.validators.extend(  # type: ignore[no-untyped-call]
    Draft202012Validator,
    {
        name: _unless_placeholder(Draft202012Validator.VALIDATORS[name])
        for name in ("type", "enum", "minLength", "maxLength")
    },
)
