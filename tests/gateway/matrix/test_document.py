"""docs/compatibility.md lists exactly the cells that cannot work, and all that is tried."""

import re

from catalog.protocols import OPERATION_OF, Operation
from config.embedded import CHECKOUT
from tests.gateway.matrix.clients import CLIENTS
from tests.gateway.matrix.document import table
from tests.gateway.matrix.features import FEATURES
from tests.gateway.matrix.gaps import ANY, GAPS
from tests.gateway.matrix.providers import PROTOCOLS
from tests.gateway.matrix.test_cells import CELLS

TEXT = (CHECKOUT / "docs/compatibility.md").read_text(encoding="utf-8")
LISTED = re.compile(r"<!-- cells that cannot work -->\n\n(.*?)\n\n<!-- end -->", re.S)


def test_the_document_lists_the_cells_that_cannot_work() -> None:
    found = LISTED.search(TEXT)

    assert found is not None
    assert found[1].splitlines() == table()


def test_every_line_of_the_list_is_about_cells_that_there_are() -> None:
    axes = ({*CLIENTS}, {*PROTOCOLS}, {"plain", "streamed"}, {*FEATURES})
    for gap in GAPS:
        assert any(gap.holds(*cell) for cell in CELLS), gap
        for names, known in zip(gap, axes, strict=False):
            assert names == ANY or {*names.split(", ")} <= known, gap


def test_every_protocol_of_conversations_is_tried_and_shown() -> None:
    conversations = {Operation.CHAT, Operation.RESPONSES}
    known = {str(name) for name, of in OPERATION_OF.items() if of in conversations}

    assert known == {*PROTOCOLS}
    row = next(line for line in TEXT.splitlines() if line.startswith("| conversations"))
    assert set(re.findall(r"`(\w+)`", row)) == known


def test_every_cell_is_explained() -> None:
    section = TEXT.split("## What was tried")[1].split("<!--")[0]
    rows = [line for line in section.splitlines() if line.startswith("| ")][1:]
    named = [name for row in rows for name in row.split(" | ")[0][2:].split(", ")]

    assert named == [*FEATURES]
