"""What is different between two versions of a definition."""

import difflib
from dataclasses import dataclass, field

from workflows.admin.definition_form import readable
from workflows.definitions.steps import JSON


@dataclass(slots=True)
class Comparison:
    """Steps by what became of them, and the lines: each with `added`, `removed` or none."""

    added: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    lines: list[tuple[str, str]] = field(default_factory=list)


_KINDS = {"+": "added", "-": "removed"}
_AROUND = 3


def compared(before: JSON, after: JSON) -> Comparison:
    """Return what is different; a definition's own number is no difference."""
    before, after = (
        {name: value for name, value in said.items() if name != "version"}
        for said in (before, after)
    )
    old, new = (
        {step["id"]: step for step in said["steps"]} for said in (before, after)
    )
    found = Comparison(
        added=[step for step in new if step not in old],
        removed=[step for step in old if step not in new],
        changed=[step for step in new if step in old and new[step] != old[step]],
    )
    diff = difflib.unified_diff(
        readable(before).splitlines(),
        readable(after).splitlines(),
        n=_AROUND,
        lineterm="",
    )
    # The first two lines name files.
    for line in list(diff)[2:]:
        found.lines.append((_KINDS.get(line[:1], ""), line))
    return found
