"""Makes a text that a regular expression accepts."""

import re
from importlib import import_module
from typing import Any

# The parser that `re` itself uses is the only one in the standard library.
codes: Any = import_module("re._constants")
parser: Any = import_module("re._parser")

_LETTERS = "ax0_- .@/AZ9"
_CATEGORIES = {
    codes.CATEGORY_DIGIT: "0",
    codes.CATEGORY_NOT_DIGIT: "a",
    codes.CATEGORY_SPACE: " ",
    codes.CATEGORY_NOT_SPACE: "a",
    codes.CATEGORY_WORD: "a",
    codes.CATEGORY_NOT_WORD: "-",
}


def text_matching(pattern: str) -> str:
    """Return a short text that the pattern finds a match in, or an empty one."""
    try:
        return _sequence(parser.parse(pattern), {})
    except re.error:
        return ""


def _sequence(items: Any, groups: dict[int, str]) -> str:
    return "".join(_one(code, argument, groups) for code, argument in items)


def _one(code: Any, argument: Any, groups: dict[int, str]) -> str:
    match code:
        case codes.LITERAL:
            return chr(argument)
        case codes.ANY:
            return "a"
        case codes.NOT_LITERAL:
            return next(char for char in _LETTERS if ord(char) != argument)
        case codes.IN:
            return _member(argument)
        case codes.BRANCH:
            return _sequence(argument[1][0], groups)
        case codes.SUBPATTERN:
            text = _sequence(argument[3], groups)
            groups[argument[0]] = text
            return text
        case codes.GROUPREF:
            return groups.get(argument, "")
        case codes.MAX_REPEAT | codes.MIN_REPEAT | codes.POSSESSIVE_REPEAT:
            least, most, repeated = argument
            times = max(least, min(1, most))
            return "".join(_sequence(repeated, groups) for _ in range(times))
        case _:
            return ""


def _member(items: Any) -> str:
    """Return a character of a class such as [a-z] or [^0-9]."""
    if items[0][0] is codes.NEGATE:
        return next((c for c in _LETTERS if not _holds(items[1:], c)), "~")
    code, argument = items[0]
    if code is codes.RANGE:
        return chr(argument[0])
    return _CATEGORIES[argument] if code is codes.CATEGORY else chr(argument)


def _holds(items: Any, char: str) -> bool:
    for code, argument in items:
        if code is codes.LITERAL and ord(char) == argument:
            return True
        if code is codes.RANGE and argument[0] <= ord(char) <= argument[1]:
            return True
        if code is codes.CATEGORY and _in_category(argument, char):
            return True
    return False


def _in_category(category: Any, char: str) -> bool:
    is_word = char.isalnum() or char == "_"
    return {
        codes.CATEGORY_DIGIT: char.isdigit(),
        codes.CATEGORY_NOT_DIGIT: not char.isdigit(),
        codes.CATEGORY_SPACE: char.isspace(),
        codes.CATEGORY_NOT_SPACE: not char.isspace(),
        codes.CATEGORY_WORD: is_word,
        codes.CATEGORY_NOT_WORD: not is_word,
    }.get(category, False)
