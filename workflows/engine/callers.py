"""On whose behalf a step is done: the key that started the run, or its project."""

import time
from functools import partial

from gateway.callers import project_caller
from gateway.configuration.records import KeyRecord, Missing
from gateway.configuration.tenant_loading import read_project
from workflows.actions.task import Tools
from workflows.engine.claims import Claimed

_KEPT_S = 2.0
_MAX_KEPT = 1_000
# Callers without a key, by project: so long a change may go unseen.
_projects: dict[int, tuple[float, KeyRecord]] = {}


async def caller_of(claimed: Claimed, tools: Tools) -> KeyRecord | None:
    """Return who pays and whose limits hold; None when the key works no more."""
    if not claimed.key_id:
        return await _project(claimed.run.project_id, tools)
    snapshot = tools.gateway.snapshot
    known = snapshot.known_key(claimed.key_id)
    if known is None:
        known = await snapshot.load_key(claimed.key_id)
    if known is None or isinstance(known, Missing):
        return None
    if known.expires_at is not None and known.expires_at <= time.time():
        return None
    return known


async def _project(project_id: int, tools: Tools) -> KeyRecord | None:
    now = time.monotonic()
    known = _projects.get(project_id)
    if known is not None and now - known[0] < _KEPT_S:
        return known[1]
    record = await tools.gateway.snapshot.read(partial(read_project, project_id))
    if record is None:
        return None
    if len(_projects) >= _MAX_KEPT:
        _projects.clear()
    caller = project_caller(record)
    _projects[project_id] = (now, caller)
    return caller
