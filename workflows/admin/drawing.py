"""A workflow's steps and links as a picture: SVG made here, with its text for who hears it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from workflows.definitions.graph import Graph, Link
from workflows.definitions.links import graph_of

_WIDTH, _HEIGHT = 176, 46
_ACROSS, _DOWN = 60, 22
_MARGIN = 8
_MAX_SHOWN = 22
# Above so many links each goes straight on, whatever stands in its way.
_MAX_LANES = 300
_WORDS = {
    "success": "leads to {} when it goes well",
    "failure": "leads to {} when it fails or does not hold",
    "dependency": "comes before {}",
}


@dataclass(frozen=True, slots=True)
class Mark:
    """What stands under a step's name, and the state that it is coloured by."""

    text: str = ""
    state: str = "plain"


def drawing_of(said: Any) -> SafeString | None:
    """Return the picture of a definition, mistakes or not; None when there are no steps."""
    steps = said.get("steps") if isinstance(said, dict) else None
    if not isinstance(steps, list):
        return None
    graph = graph_of({"steps": steps})
    if not graph.steps:
        return None
    marks = {
        each["id"]: Mark(str(each.get("action", ""))[:64])
        for each in steps
        if isinstance(each, dict) and isinstance(each.get("id"), str)
    }
    return draw(graph, marks, f"{len(graph.steps)} steps")


@dataclass(slots=True)
class _Picture:
    """Where everything stands: by column, then by row."""

    columns: list[list[str]]
    # Steps by name, and lanes that long links run along.
    places: dict[str, tuple[float, float]] = field(default_factory=dict)
    lanes: dict[tuple[int, int], str] = field(default_factory=dict)


def draw(graph: Graph, marks: Mapping[str, Mark], title: str) -> SafeString:
    """Return the picture. Steps that lead in a circle stand in the last column."""
    picture = _laid_out(graph)
    rows = max((len(column) for column in picture.columns), default=1)
    width = len(picture.columns) * (_WIDTH + _ACROSS) - _ACROSS + 2 * _MARGIN
    height = rows * (_HEIGHT + _DOWN) - _DOWN + 2 * _MARGIN
    links = format_html_join(
        "", "{}", ((_link(picture, at, link),) for at, link in enumerate(graph.links))
    )
    nodes = format_html_join(
        "",
        "{}",
        ((_node(picture, step, marks.get(step, Mark())),) for step in graph.steps),
    )
    return format_html(
        '<svg class="sb-graph" role="img" viewBox="0 0 {w} {h}" width="{w}" '
        'height="{h}" xmlns="http://www.w3.org/2000/svg"><title>{title}</title>'
        "<desc>{told}</desc><defs>{heads}</defs>{links}{nodes}</svg>",
        w=str(max(width, _WIDTH)),
        h=str(max(height, _HEIGHT)),
        title=title,
        told=_told(graph, marks),
        heads=_heads(),
        links=links,
        nodes=nodes,
    )


def _laid_out(graph: Graph) -> _Picture:
    columns = [list(layer) for layer in graph.layers()]
    placed = {step for column in columns for step in column}
    if left := [step for step in graph.steps if step not in placed]:
        columns.append(left)
    picture = _Picture(columns)
    at = {step: n for n, column in enumerate(columns) for step in column}
    sources: dict[str, list[str]] = {}
    for number, link in enumerate(graph.links):
        before = link.source
        if len(graph.links) <= _MAX_LANES:
            for between in range(at[link.source] + 1, at[link.target]):
                # No step's name holds a space.
                lane = f"{number} {between}"
                picture.lanes[number, between] = lane
                columns[between].append(lane)
                sources[lane] = [before]
                before = lane
        sources.setdefault(link.target, []).append(before)
    _order(columns, sources)
    rows = max((len(column) for column in columns), default=1)
    for n, column in enumerate(columns):
        free = (rows - len(column)) * (_HEIGHT + _DOWN) / 2
        for row, name in enumerate(column):
            picture.places[name] = (
                _MARGIN + n * (_WIDTH + _ACROSS),
                _MARGIN + free + row * (_HEIGHT + _DOWN),
            )
    return picture


def _order(columns: Sequence[list[str]], sources: Mapping[str, list[str]]) -> None:
    """Let what follows stand beside what it follows, so that few links cross."""
    rows: dict[str, float] = {}
    for column in columns:
        middle = {
            name: sum(rows.get(each, 0.0) for each in sources[name])
            / len(sources[name])
            for name in column
            if sources.get(name)
        }
        column.sort(key=lambda name: middle.get(name, 0.0))
        rows.update(
            (name, row - (len(column) - 1) / 2) for row, name in enumerate(column)
        )


def _link(picture: _Picture, number: int, link: Link) -> SafeString:
    x, y = picture.places[link.source]
    x, y = x + _WIDTH, y + _HEIGHT / 2
    path = [f"M{x:g} {y:g}"]
    lanes = [
        picture.places[lane]
        for (owner, _), lane in picture.lanes.items()
        if owner == number
    ]
    for left, top in lanes:
        path.append(_curve(x, y, left, top + _HEIGHT / 2))
        x, y = left + _WIDTH, top + _HEIGHT / 2
        path.append(f"L{x:g} {y:g}")
    left, top = picture.places[link.target]
    path.append(_curve(x, y, left - 7, top + _HEIGHT / 2))
    return format_html(
        '<path class="sb-link-{0}" d="{1}" marker-end="url(#sb-head-{0})"/>',
        link.kind,
        " ".join(path),
    )


def _curve(x: float, y: float, to_x: float, to_y: float) -> str:
    bend = max(abs(to_x - x) / 2, 20)
    return f"C{x + bend:g} {y:g} {to_x - bend:g} {to_y:g} {to_x:g} {to_y:g}"


def _node(picture: _Picture, step: str, mark: Mark) -> SafeString:
    x, y = picture.places[step]
    return format_html(
        '<g class="sb-node sb-state-{}"><title>{}</title>'
        '<rect x="{}" y="{}" width="{}" height="{}" rx="6"/>'
        '<text class="sb-node-name" x="{}" y="{}">{}</text>'
        '<text class="sb-node-text" x="{}" y="{}">{}</text></g>',
        mark.state,
        f"{step}: {mark.text}" if mark.text else step,
        f"{x:g}",
        f"{y:g}",
        str(_WIDTH),
        str(_HEIGHT),
        f"{x + 12:g}",
        f"{y + 20:g}",
        _short(step),
        f"{x + 12:g}",
        f"{y + 36:g}",
        _short(mark.text),
    )


def _heads() -> SafeString:
    return format_html_join(
        "",
        '<marker id="sb-head-{0}" class="sb-head-{0}" viewBox="0 0 8 8" refX="1" '
        'refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0 8 4 0 8z"/></marker>',
        ((kind,) for kind in _WORDS),
    )


def _told(graph: Graph, marks: Mapping[str, Mark]) -> str:
    said = [
        f"{step} ({mark.text})." if (mark := marks.get(step)) and mark.text else ""
        for step in graph.steps
    ]
    said += [
        f"{link.source} {_WORDS[link.kind].format(link.target)}."
        for link in graph.links
    ]
    return " ".join(filter(None, said))


def _short(text: str) -> str:
    return text if len(text) <= _MAX_SHOWN else f"{text[: _MAX_SHOWN - 1]}…"
