"""Renders the part of Helm's template language that the chart keeps to.

Values, `quote`, `toYaml | nindent`, `add`, `if` and `with`: anything else fails, so that the
chart stays one that can be checked here.
"""

import hashlib
import re
from typing import Any

import yaml

_RELEASE = "release"


class NotUnderstood(Exception):
    """A template uses what cannot be rendered here."""


def rendered(template: str, values: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the documents of a template."""
    out: list[str] = []
    # Whether what follows is shown, and what the dot stands for.
    blocks: list[tuple[bool, Any]] = [(True, values)]
    at = 0
    for tag in re.finditer(r"\{\{-?\s*(.+?)\s*\}\}", template):
        before = template[at : tag.start()]
        if tag[0].startswith("{{-"):
            before = before.rstrip()
        at = tag.end()
        shown, dot = blocks[-1]
        if shown:
            out.append(before)
        body = tag[1]
        if body.startswith(("if ", "with ")):
            word, _, path = body.partition(" ")
            value = _value(path, dot, values)
            inner = value if word == "with" else dot
            blocks.append((shown and bool(value), inner))
        elif body == "end":
            blocks.pop()
        elif shown:
            out.append(_text(body, dot, values))
    if len(blocks) != 1:
        raise NotUnderstood("A block is not closed.")
    out.append(template[at:])
    return [doc for doc in yaml.safe_load_all("".join(out)) if doc is not None]


def _text(body: str, dot: Any, values: dict[str, Any]) -> str:
    head, *pipes = [part.strip() for part in body.split("|")]
    result: Any
    if head.startswith("toYaml "):
        result = yaml.safe_dump(_value(head[7:], dot, values)).strip()
    elif head.startswith("add "):
        result = sum(
            int(word) if word.isdecimal() else _value(word, dot, values)
            for word in head.split()[1:]
        )
    else:
        result = _value(head, dot, values)
    for pipe in pipes:
        if pipe == "quote":
            result = f'"{result}"'
        elif pipe == "sha256sum":
            result = hashlib.sha256(str(result).encode()).hexdigest()
        elif (found := re.fullmatch(r"nindent (\d+)", pipe)) is not None:
            pad = "\n" + " " * int(found[1])
            result = pad + pad.join(str(result).splitlines())
        else:
            raise NotUnderstood(pipe)
    if isinstance(result, (dict, list)):
        raise NotUnderstood(body)
    return str(result)


def _value(path: str, dot: Any, values: dict[str, Any]) -> Any:
    if path == ".":
        return dot
    if path == ".Release.Name":
        return _RELEASE
    names = path.removeprefix("$").split(".")
    if names[:2] != ["", "Values"]:
        raise NotUnderstood(path)
    found: Any = values
    for name in names[2:]:
        found = found[name]
    return found
