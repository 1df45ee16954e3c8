from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from usage.ledger import Ledger
from usage.spool import Spool


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The folder that all spools are in."""
    return tmp_path / "spool"


@pytest.fixture
def spool(root: Path) -> Iterator[Spool]:
    spool = Spool.open(root)
    yield spool
    spool.close()


@pytest.fixture
def ledger(root: Path, transactional_db: None) -> Iterator[Ledger]:
    root.mkdir(exist_ok=True)
    with closing(Ledger(root)) as ledger:
        yield ledger
