"""An expression that has been read, and what it comes to with the values of a run."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from workflows.definitions.expressions.functions import (
    FUNCTIONS,
    NotComparable,
    compare,
    shown,
    truth,
)
from workflows.definitions.expressions.reading import Malformed, Reader, Tree
from workflows.definitions.paths import NoSuchValue, Path, Values, look_up
from workflows.limits import MAX_EXPRESSION_LENGTH


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression that has been read."""

    text: str
    tree: Tree
    paths: tuple[Path, ...]

    def is_true(self, values: Values) -> bool:
        """Evaluate it. Raises `NotComparable`."""
        found = _evaluate(self.tree, values)
        if isinstance(found, bool):
            return found
        msg = f"The expression is {shown(found)}, and has to be true or false."
        raise NotComparable(msg)


@lru_cache(maxsize=2_000)
def parse(text: str) -> Expression:
    """Read an expression. Raises `Malformed`."""
    if len(text) > MAX_EXPRESSION_LENGTH:
        msg = f"An expression has at most {MAX_EXPRESSION_LENGTH} characters."
        raise Malformed(msg)
    reader = Reader(text)
    tree = reader.read()
    return Expression(text, tree, tuple(dict.fromkeys(reader.paths)))


def _evaluate(node: Tree, values: Values) -> Any:
    match node:
        case ("value", value):
            return value
        case ("path", path):
            return _found(path, values)
        case ("list", items):
            return [_evaluate(item, values) for item in items]
        case ("and", parts):
            return all(truth(_evaluate(part, values)) for part in parts)
        case ("or", parts):
            return any(truth(_evaluate(part, values)) for part in parts)
        case ("not", part):
            return not truth(_evaluate(part, values))
        case ("compare", sign, left, right):
            return compare(sign, _evaluate(left, values), _evaluate(right, values))
        case (_, name, given):
            return FUNCTIONS[name][1](*[_evaluate(each, values) for each in given])
    raise AssertionError(node)


def _found(path: Path, values: Values) -> Any:
    """Return what the path names; null for what is not there."""
    try:
        return look_up(path, values)
    except NoSuchValue:
        return None
