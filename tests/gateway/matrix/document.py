"""The gaps as docs/compatibility.md shows them: python -m tests.gateway.matrix.document"""

import sys

from tests.gateway.matrix.gaps import GAPS


def table() -> list[str]:
    """Return the lines of the table."""
    head = ("client", "protocol", "mode", "cells", "why not")
    rows = [
        (
            gap.clients,
            ", ".join(_protocol(name) for name in gap.protocols.split(", ")),
            gap.modes,
            gap.features,
            gap.reason,
        )
        for gap in GAPS
    ]
    rule = ("---",) * len(head)
    return [f"| {' | '.join(row)} |" for row in (head, rule, *rows)]


def _protocol(name: str) -> str:
    return f"`{name}`" if "_" in name else name


if __name__ == "__main__":
    sys.stdout.write("\n".join(table()) + "\n")
