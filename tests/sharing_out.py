"""How the processes of a parallel session share the tests out among them.

A file stays together, so that what its tests share is started once. What takes long comes
first, so that no process is left alone with it at the end.
"""

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

# The folders whose files take longest, in this order; all others come after them.
LONG = ("durability", "security", "config", "deploy", "browser", "workflows", "faults")
# Files whose tests share one installation; what stands alone has one of its own.
DURABILITY = "tests/durability/"
ON_THEIR_OWN = frozenset(
    f"{DURABILITY}test_{name}.py" for name in ("key_rotation", "kill", "reports")
)
WORKFLOWS = f"{DURABILITY}test_workflow"


class Sharing(LoadFileScheduling):  # type: ignore[misc]  # It has no types.
    def _split_scope(self, nodeid: str) -> str:
        return scope_of(nodeid)


def scope_of(nodeid: str) -> str:
    """Return what is done by one process together with the test."""
    file = nodeid.split("::", 1)[0]
    if not file.startswith(DURABILITY) or file in ON_THEIR_OWN:
        return file
    return WORKFLOWS if file.startswith(WORKFLOWS) else DURABILITY


def rank_of(nodeid: str) -> int:
    """Return a lower number for what is to begin earlier."""
    for rank, folder in enumerate(LONG):
        if nodeid.startswith(f"tests/{folder}/"):
            return rank
    return len(LONG)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Sharing:
    # The order of the files is ours, not by how many tests there are in each.
    config.option.loadscopereorder = False
    return Sharing(config, log)
