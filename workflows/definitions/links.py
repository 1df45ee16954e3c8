"""Where the steps of a definition lead, right or wrong as it may be."""

from typing import Any

from workflows.definitions.graph import Graph, Link
from workflows.definitions.steps import JSON, as_links

_KINDS = {"onSuccess": "success", "onFailure": "failure", "dependsOn": "dependency"}
LINKS = tuple(_KINDS)


def graph_of(said: JSON) -> Graph:
    """Return the links between the steps of a definition; unknown ones are left out."""
    steps = [each for each in said["steps"] if has_id(each)]
    known = dict.fromkeys(each["id"] for each in steps)
    graph = Graph(tuple(known))
    for each in steps:
        for name, kind in _KINDS.items():
            for other in links_of(each, name):
                if other in known:
                    source, target = each["id"], other
                    if kind == "dependency":
                        source, target = target, source
                    graph.links.append(Link(source, target, kind))
    graph.begins = frozenset(
        each["id"] for each in steps if each.get("dependsOn") == []
    )
    return graph


def has_id(step: Any) -> bool:
    return isinstance(step, dict) and isinstance(step.get("id"), str)


def links_of(step: JSON, name: str) -> tuple[str, ...]:
    said = step.get(name)
    if not isinstance(said, str | list):
        return ()
    named: tuple[Any, ...] = as_links(said)
    return tuple(each for each in named if isinstance(each, str))
