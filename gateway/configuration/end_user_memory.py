"""The end users named last: bounded, the longest unused goes first."""

from collections import OrderedDict
from collections.abc import Iterable

from gateway.configuration.records import MISSING, EndUserRecord, Missing

Name = tuple[int, str]


class EndUserMemory:
    """By project and name: who there is, who there is not, and which projects have none.

    All three are true until a change of the project's end users is announced.
    """

    def __init__(self, max_users: int, max_projects: int) -> None:
        self._max_users = max_users
        self._max_projects = max_projects
        self._known: OrderedDict[Name, EndUserRecord | Missing] = OrderedDict()
        self._names: dict[int, dict[str, None]] = {}
        self._without: OrderedDict[int, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def get(self, project_id: int, name: str) -> EndUserRecord | Missing | None:
        if project_id in self._without:
            return MISSING
        found = self._known.get((project_id, name))
        if found is not None:
            self._known.move_to_end((project_id, name))
        return found

    def put(self, project_id: int, name: str, found: EndUserRecord | Missing) -> None:
        self._known[project_id, name] = found
        self._names.setdefault(project_id, {})[name] = None
        while len(self._known) > self._max_users:
            self._drop(*next(iter(self._known)))

    def put_without(self, project_id: int) -> None:
        """Note that a project has no end users at all, whatever it calls them."""
        self.drop_project(project_id)
        self._without[project_id] = None
        if len(self._without) > self._max_projects:
            self._without.popitem(last=False)

    def take_over(self, other: "EndUserMemory") -> None:
        for (project_id, name), found in other._known.items():  # noqa: SLF001
            self.put(project_id, name, found)
        for project_id in other._without:  # noqa: SLF001
            self.put_without(project_id)

    def drop(self, changed: Iterable[tuple[int, int]]) -> None:
        """Forget end users, each given by project and id; one not held may be new."""
        by_project: dict[int, set[int]] = {}
        for project_id, pk in changed:
            by_project.setdefault(project_id, set()).add(pk)
        for project_id, pks in by_project.items():
            self._without.pop(project_id, None)
            for name in list(self._names.get(project_id, ())):
                found = self._known[project_id, name]
                if isinstance(found, Missing) or found.pk in pks:
                    self._drop(project_id, name)

    def drop_project(self, project_id: int) -> None:
        self._without.pop(project_id, None)
        for name in list(self._names.get(project_id, ())):
            self._drop(project_id, name)

    def clear(self) -> None:
        self._known.clear()
        self._names.clear()
        self._without.clear()

    def _drop(self, project_id: int, name: str) -> None:
        del self._known[project_id, name]
        names = self._names[project_id]
        del names[name]
        if not names:
            del self._names[project_id]
