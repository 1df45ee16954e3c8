"""Templates of presentation: names in braces give way to text, and nothing is executed.

A text that is put in is never read again, whatever braces it holds.
"""

import re
from collections.abc import Iterable, Mapping

_PLACE = re.compile(r"\{\{ ?([a-z_]+(?:\.[a-zA-Z0-9_-]{1,63})?) ?\}\}")
_BRACES = re.compile(r"\{\{.{0,80}?\}\}", re.DOTALL)


def places_in(template: str) -> list[str]:
    """Return the names of the places, each as often as it stands there."""
    return _PLACE.findall(template)


def unknown_in(template: str, known: Iterable[str]) -> list[str]:
    """Return what looks like a place and is none; `name.` stands for all that follow."""
    names = set(known)
    return [
        braces
        for braces in _BRACES.findall(template)
        if (found := _PLACE.fullmatch(braces)) is None
        or not (found[1] in names or f"{found[1].partition('.')[0]}." in names)
    ]


def fill(template: str, values: Mapping[str, str]) -> str:
    """Put the values in; a line is left out where all that it names is empty."""
    lines = []
    for line in template.split("\n"):
        places = places_in(line)
        if places and not any(values.get(name, "") for name in places):
            continue
        lines.append(_PLACE.sub(lambda found: values.get(found[1], ""), line))
    return "\n".join(lines).strip("\n")
