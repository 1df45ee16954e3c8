"""What runs were given, kept in the memory of the worker while steps ask for it."""

import threading
from collections import OrderedDict
from typing import Any
from uuid import UUID

from workflows.models import WorkflowRun

_MAX_KEPT = 1_000
# Of one input, sealed; what is longer is read each time.
_MAX_BYTES = 16 * 1024

_inputs: OrderedDict[UUID, dict[str, Any]] = OrderedDict()
_lock = threading.Lock()


def input_of(run: WorkflowRun) -> dict[str, Any]:
    """Return the input of a run, which never changes. Nobody may change what is returned."""
    with _lock:
        known = _inputs.get(run.pk)
    if known is not None:
        return known
    found = run.read_input()
    if len(run.input or b"") <= _MAX_BYTES:
        with _lock:
            _inputs[run.pk] = found
            if len(_inputs) > _MAX_KEPT:
                _inputs.popitem(last=False)
    return found
