"""From the text of an expression to its tree."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from workflows.definitions.expressions.functions import COMPARISONS, FUNCTIONS
from workflows.definitions.paths import Path, path_in
from workflows.limits import MAX_EXPRESSION_DEPTH

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
_ESCAPES = {"n": "\n", "t": "\t"}

# What it is, and its parts.
Tree = tuple[Any, ...]


class Malformed(ValueError):
    """The text is no expression; the message says where it goes wrong."""


class _Token(NamedTuple):
    kind: str
    value: Any
    at: int


class Reader:
    """Recursive descent: or, and, not, comparison, operand."""

    def __init__(self, text: str) -> None:
        self._tokens = list(_tokens(text))
        self._at = 0
        self._depth = 0
        self.paths: list[Path] = []

    def read(self) -> Tree:
        """Return the whole expression. Raises `Malformed`."""
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

    def _any(self) -> Tree:
        self._go_deeper()
        parts = [self._all()]
        while self._take("||"):
            parts.append(self._all())
        self._depth -= 1
        return parts[0] if len(parts) == 1 else ("or", tuple(parts))

    def _all(self) -> Tree:
        parts = [self._negated()]
        while self._take("&&"):
            parts.append(self._negated())
        return parts[0] if len(parts) == 1 else ("and", tuple(parts))

    def _negated(self) -> Tree:
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

    def _comparison(self) -> Tree:
        left = self._operand()
        sign = self._take(*COMPARISONS)
        if sign is None:
            return left
        right = self._operand()
        if (again := self._take(*COMPARISONS)) is not None:
            raise Malformed(f"Join comparisons by 'and'; {again!r} follows one.")
        return ("compare", sign, left, right)

    def _operand(self) -> Tree:
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

    def _named(self, token: _Token) -> Tree:
        path: Path = token.value
        if self._take("("):
            # `a.output.contains(x)` means `contains(a.output, x)`.
            name, subject = path[-1], path[:-1]
            if name not in FUNCTIONS:
                known = ", ".join(sorted(FUNCTIONS))
                raise Malformed(f"There is no function {name!r}; there are {known}.")
            given = self._several(")")
            if subject:
                given = (self._value_of(subject), *given)
            wanted = FUNCTIONS[name][0]
            if len(given) != wanted:
                raise Malformed(f"{name!r} takes {wanted} values, not {len(given)}.")
            return ("call", name, given)
        if len(path) == 1 and path[0] in _CONSTANTS:
            return ("value", _CONSTANTS[path[0]])
        return self._value_of(path)

    def _value_of(self, path: Path) -> Tree:
        self.paths.append(path)
        return ("path", path)

    def _several(self, end: str) -> tuple[Tree, ...]:
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
