"""The language of `when`: comparisons over values, bounded in length, depth and time.

    score.output.value >= 7 and contains(research.output, "yes")

There are no loops, no assignments, no calls but those in `_FUNCTIONS`, and no members but
those of JSON values, so that evaluating takes as long as the expression is.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from workflows.definitions.paths import (
    NoSuchValue,
    Path,
    Values,
    look_up,
    path_in,
)
from workflows.limits import MAX_EXPRESSION_DEPTH, MAX_EXPRESSION_LENGTH

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<number>-?\d{1,15}(?:\.\d{1,15})?)
    | (?P<text>"[^"\\]*(?:\\.[^"\\]*)*"|'[^'\\]*(?:\\.[^'\\]*)*')
    | (?P<path>\{\{[^{}]{1,500}\}\}|[A-Za-z_][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_][A-Za-z0-9_-]*)*)
    | (?P<sign>\|\||&&|==|!=|<=|>=|[<>!(),\[\]])
    )""",
    re.VERBOSE,
)
_WORDS = {"and": "&&", "or": "||", "not": "!", "in": "in"}
_CONSTANTS = {"true": True, "false": False, "null": None}
_ORDERED: dict[str, Callable[[Any, Any], bool]] = {
    "<": lambda a, b: bool(a < b),
    "<=": lambda a, b: bool(a <= b),
    ">": lambda a, b: bool(a > b),
    ">=": lambda a, b: bool(a >= b),
}
_COMPARISONS = frozenset({*_ORDERED, "==", "!=", "in"})
_ESCAPES = {"n": "\n", "t": "\t"}


class Malformed(ValueError):
    """The text is no expression; the message says where it goes wrong."""


class NotComparable(ValueError):
    """The values are not what the expression takes them for."""


class _Token(NamedTuple):
    kind: str
    value: Any
    at: int


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression that has been read."""

    text: str
    tree: tuple[Any, ...]
    paths: tuple[Path, ...]

    def is_true(self, values: Values) -> bool:
        """Evaluate it. Raises `NotComparable`."""
        found = _evaluate(self.tree, values)
        if isinstance(found, bool):
            return found
        msg = f"The expression is {_shown(found)}, and has to be true or false."
        raise NotComparable(msg)


@lru_cache(maxsize=2_000)
def parse(text: str) -> Expression:
    """Read an expression. Raises `Malformed`."""
    if len(text) > MAX_EXPRESSION_LENGTH:
        msg = f"An expression has at most {MAX_EXPRESSION_LENGTH} characters."
        raise Malformed(msg)
    reader = _Reader(text)
    tree = reader.read()
    return Expression(text, tree, tuple(dict.fromkeys(reader.paths)))


class _Reader:
    """Recursive descent: or, and, not, comparison, operand."""

    def __init__(self, text: str) -> None:
        self._tokens = list(_tokens(text))
        self._at = 0
        self._depth = 0
        self.paths: list[Path] = []

    def read(self) -> tuple[Any, ...]:
        tree = self._any()
        if (token := self._peek()) is not None:
            raise _unexpected(token)
        return tree

    def _peek(self) -> _Token | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _take(self, *signs: str) -> str | None:
        token = self._peek()
        if token is None or token.kind != "sign" or token.value not in signs:
            return None
        self._at += 1
        return str(token.value)

    def _expect(self, sign: str) -> None:
        if self._take(sign) is None:
            token = self._peek()
            if token is not None:
                raise _unexpected(token)
            raise Malformed(f"It ends where {sign!r} was expected.")

    def _any(self) -> tuple[Any, ...]:
        self._go_deeper()
        parts = [self._all()]
        while self._take("||"):
            parts.append(self._all())
        self._depth -= 1
        return parts[0] if len(parts) == 1 else ("or", tuple(parts))

    def _all(self) -> tuple[Any, ...]:
        parts = [self._negated()]
        while self._take("&&"):
            parts.append(self._negated())
        return parts[0] if len(parts) == 1 else ("and", tuple(parts))

    def _negated(self) -> tuple[Any, ...]:
        if not self._take("!"):
            return self._comparison()
        self._go_deeper()
        found = ("not", self._negated())
        self._depth -= 1
        return found

    def _go_deeper(self) -> None:
        self._depth += 1
        if self._depth > MAX_EXPRESSION_DEPTH:
            raise Malformed(f"It is nested deeper than {MAX_EXPRESSION_DEPTH} levels.")

    def _comparison(self) -> tuple[Any, ...]:
        left = self._operand()
        sign = self._take(*_COMPARISONS)
        if sign is None:
            return left
        right = self._operand()
        if (again := self._take(*_COMPARISONS)) is not None:
            raise Malformed(f"Join comparisons by 'and'; {again!r} follows one.")
        return ("compare", sign, left, right)

    def _operand(self) -> tuple[Any, ...]:
        if self._take("("):
            found = self._any()
            self._expect(")")
            return found
        if self._take("["):
            return ("list", self._several("]"))
        token = self._peek()
        if token is None:
            raise Malformed("It ends where a value was expected.")
        if token.kind == "sign":
            raise _unexpected(token)
        self._at += 1
        if token.kind in {"number", "text"}:
            return ("value", token.value)
        return self._named(token)

    def _named(self, token: _Token) -> tuple[Any, ...]:
        path: Path = token.value
        if self._take("("):
            # `a.output.contains(x)` means `contains(a.output, x)`.
            name, subject = path[-1], path[:-1]
            if name not in _FUNCTIONS:
                known = ", ".join(sorted(_FUNCTIONS))
                raise Malformed(f"There is no function {name!r}; there are {known}.")
            given = self._several(")")
            if subject:
                given = (self._value_of(subject), *given)
            wanted = _FUNCTIONS[name][0]
            if len(given) != wanted:
                raise Malformed(f"{name!r} takes {wanted} values, not {len(given)}.")
            return ("call", name, given)
        if len(path) == 1 and path[0] in _CONSTANTS:
            return ("value", _CONSTANTS[path[0]])
        return self._value_of(path)

    def _value_of(self, path: Path) -> tuple[Any, ...]:
        self.paths.append(path)
        return ("path", path)

    def _several(self, end: str) -> tuple[tuple[Any, ...], ...]:
        if self._take(end):
            return ()
        found = [self._any()]
        while self._take(","):
            found.append(self._any())
        self._expect(end)
        return tuple(found)


def _tokens(text: str) -> Iterator[_Token]:
    at = 0
    end = len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            at += len(text[at:]) - len(text[at:].lstrip())
            raise Malformed(f"{text[at : at + 20]!r} at {at + 1} means nothing here.")
        kind, found = match.lastgroup, match[match.lastgroup]
        yield _token(kind, found, match.start(kind))
        at = match.end()


def _token(kind: str, found: str, at: int) -> _Token:
    if kind == "number":
        return _Token(kind, float(found) if "." in found else int(found), at)
    if kind == "text":
        return _Token(kind, _unescaped(found[1:-1]), at)
    if kind == "path":
        if found in _WORDS:
            return _Token("sign", _WORDS[found], at)
        named = found[2:-2].strip() if found.startswith("{{") else found
        path = path_in(named)
        if path is None:
            raise Malformed(f"{found[:50]!r} at {at + 1} is no name of a value.")
        return _Token(kind, path, at)
    return _Token(kind, found, at)


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", lambda m: _ESCAPES.get(m[1], m[1]), text, flags=re.DOTALL)


def _unexpected(token: _Token) -> Malformed:
    return Malformed(f"{token.value!r} at {token.at + 1} was not expected there.")


def _evaluate(node: tuple[Any, ...], values: Values) -> Any:
    match node:
        case ("value", value):
            return value
        case ("path", path):
            return _found(path, values)
        case ("list", items):
            return [_evaluate(item, values) for item in items]
        case ("and", parts):
            return all(_truth(_evaluate(part, values)) for part in parts)
        case ("or", parts):
            return any(_truth(_evaluate(part, values)) for part in parts)
        case ("not", part):
            return not _truth(_evaluate(part, values))
        case ("compare", sign, left, right):
            return _compare(sign, _evaluate(left, values), _evaluate(right, values))
        case (_, name, given):
            return _FUNCTIONS[name][1](*[_evaluate(each, values) for each in given])
    raise AssertionError(node)


def _found(path: Path, values: Values) -> Any:
    """Return what the path names; null for what is not there."""
    try:
        return look_up(path, values)
    except NoSuchValue:
        return None


def _truth(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise NotComparable(f"{_shown(value)} is neither true nor false.")


def _compare(sign: str, left: Any, right: Any) -> bool:
    if sign == "in":
        return _contains(right, left)
    if sign in {"==", "!="}:
        return _same(left, right) is (sign == "==")
    for kind in (str, (int, float)):
        if (
            isinstance(left, kind)
            and isinstance(right, kind)
            and not _any_bool(left, right)
        ):
            return _ORDERED[sign](left, right)
    msg = f"{_shown(left)} {sign} {_shown(right)}: only two numbers or two texts have an order."
    raise NotComparable(msg)


def _same(left: Any, right: Any) -> bool:
    """Say whether two JSON values are the same; true is not 1."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    return bool(left == right)


def _any_bool(*values: Any) -> bool:
    return any(isinstance(value, bool) for value in values)


def _contains(whole: Any, part: Any) -> bool:
    match whole:
        case None:
            return False
        case str() if isinstance(part, str):
            return part in whole
        case list():
            return any(_same(part, each) for each in whole)
        case dict() if isinstance(part, str):
            return part in whole
    msg = f"{_shown(whole)} cannot contain {_shown(part)}."
    raise NotComparable(msg)


def _length(value: Any) -> int:
    if value is None:
        return 0
    if isinstance(value, str | list | dict):
        return len(value)
    raise NotComparable(f"{_shown(value)} has no length.")


def _number(value: Any) -> float | int | None:
    """Return a text as the number it is; null when it is none."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and len(value) <= 40:
        try:
            found = float(value)
        except ValueError:
            return None
        return found if abs(found) < 1e300 else None
    return None


def _lower(value: Any) -> str:
    return _text(value).lower()


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    raise NotComparable(f"{_shown(value)} is no text.")


def _shown(value: Any) -> str:
    """Name a value in a message by its kind: it may be long, and nobody's business."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return "a number"
        case str():
            return "a text"
        case list():
            return "a list"
    return "an object"


_FUNCTIONS: dict[str, tuple[int, Callable[..., Any]]] = {
    "contains": (2, _contains),
    "length": (1, _length),
    "size": (1, _length),
    "number": (1, _number),
    "lower": (1, _lower),
    "startsWith": (2, lambda whole, part: _text(whole).startswith(_text(part))),
    "endsWith": (2, lambda whole, part: _text(whole).endswith(_text(part))),
}
