"""An installation for the tests that leave it as it was, and the figures they took."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from tests.durability.stand import Stand
from tests.durability.stand import stand as started_stand
from tests.durability.workers import Background, workers

Note = Callable[[str, object], None]

_figures: list[str] = []


def pytest_itemcollected(item: pytest.Item) -> None:
    item.add_marker(pytest.mark.system)


@pytest.fixture(scope="package")
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


@dataclass
class Works:
    """An installation that does workflows: one web process, a worker and a beat."""

    stand: Stand
    running: list[Background]


@pytest.fixture(scope="package")
def shared_works() -> Iterator[Works]:
    with started_stand(webs=1) as made, workers(made) as running:
        yield Works(made, running)


@pytest.fixture
def works(shared_works: Works) -> Works:
    """The shared one, without the runs and calls of earlier tests."""
    made = shared_works.stand
    # To truncate would wait for the worker, which looks for runs all the time.
    made.sql(
        "SET session_replication_role = replica; "
        "DELETE FROM workflows_steprun; DELETE FROM workflows_workflowrun"
    )
    made.forget_calls()
    return shared_works


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
