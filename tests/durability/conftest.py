"""An installation for the tests that leave it as it was, and the figures they took."""

from collections.abc import Callable, Iterator

import pytest

from tests.durability.stand import Stand
from tests.durability.stand import stand as started_stand

Note = Callable[[str, object], None]

_figures: list[str] = []


@pytest.fixture(scope="session")
def shared_stand() -> Iterator[Stand]:
    """Two web processes with a socket each, on servers that may lose their data."""
    with started_stand() as made:
        yield made


@pytest.fixture
def quick_stand(shared_stand: Stand) -> Stand:
    """The shared one, without the events and calls of earlier tests.

    Not for a test that kills web processes: whoever adopts their spools writes again
    what the earlier tests have left in them.
    """
    shared_stand.forget()
    return shared_stand


@pytest.fixture
def note(request: pytest.FixtureRequest) -> Note:
    """Keep a figure for the end of the run."""

    def keep(what: str, value: object) -> None:
        _figures.append(f"{request.node.name}: {what}: {value}")

    return keep


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _figures:
        terminalreporter.section("durability figures")
        for line in _figures:
            terminalreporter.write_line(line)
