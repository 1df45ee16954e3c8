"""The keys used last, and their projects: bounded, the longest unused goes first."""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field

from gateway.configuration.records import KeyRecord, ProjectRecord


@dataclass(slots=True)
class _Held:
    project: ProjectRecord
    key_ids: set[str] = field(default_factory=set)


class TenantMemory:
    """A project is held as long as one of its keys is."""

    def __init__(self, max_keys: int, max_projects: int) -> None:
        self._max_keys = max_keys
        self._max_projects = max_projects
        self._keys: OrderedDict[str, KeyRecord] = OrderedDict()
        self._projects: dict[int, _Held] = {}

    def __len__(self) -> int:
        return len(self._keys)

    @property
    def project_count(self) -> int:
        return len(self._projects)

    def key(self, key_id: str) -> KeyRecord | None:
        found = self._keys.get(key_id)
        if found is not None:
            self._keys.move_to_end(key_id)
        return found

    def project(self, project_id: int) -> ProjectRecord | None:
        held = self._projects.get(project_id)
        return None if held is None else held.project

    def put(self, key: KeyRecord) -> None:
        self.drop_key(key.key_id)
        self._keys[key.key_id] = key
        held = self._projects.get(key.project.id)
        if held is None:
            held = self._projects[key.project.id] = _Held(key.project)
        held.key_ids.add(key.key_id)
        while (
            len(self._keys) > self._max_keys or len(self._projects) > self._max_projects
        ):
            self.drop_key(next(iter(self._keys)))

    def every_key(self) -> Iterable[KeyRecord]:
        """Return the keys, the longest unused first."""
        return self._keys.values()

    def drop_key(self, key_id: str) -> None:
        key = self._keys.pop(key_id, None)
        if key is None:
            return
        held = self._projects[key.project.id]
        held.key_ids.discard(key_id)
        if not held.key_ids:
            del self._projects[key.project.id]

    def drop_projects(self, project_ids: Iterable[int]) -> None:
        for project_id in project_ids:
            held = self._projects.pop(project_id, None)
            if held is not None:
                for key_id in held.key_ids:
                    del self._keys[key_id]

    def clear(self) -> None:
        self._keys.clear()
        self._projects.clear()
