"""What the database holds now, by kind and natural key."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import models

from catalog.bundle.kind import Scope
from catalog.bundle.kinds import KINDS
from catalog.bundle.units import Key
from tenants.models import ApiKey, EndUser


@dataclass(slots=True)
class State:
    """Rows by kind and natural key; what is written while applying is added to it."""

    rows: dict[str, dict[Key, Any]] = field(default_factory=dict)

    @classmethod
    def read(cls, scope: Scope, kinds: Mapping[str, object] = KINDS) -> "State":
        """Read every row of these kinds, one query each."""
        state = cls({name: {} for name in (*KINDS, "key")})
        for name in kinds:
            kind = KINDS[name]
            state.rows[name] = {kind.key(row): row for row in kind.rows(scope)}
        return state

    def get(self, kind: str, key: Key) -> Any | None:
        return self.rows[kind].get(key)

    def put(self, kind: str, key: Key, row: models.Model) -> None:
        self.rows[kind][key] = row

    def forget(self, kind: str, key: Key) -> None:
        self.rows[kind].pop(key, None)

    def has(self, kind: str, key: Key) -> bool:
        return key in self.rows[kind]

    def read_api_keys(self, projects: set[str]) -> None:
        """Read the keys of projects that the bundle sets limits for by key."""
        found = ApiKey.objects.filter(project__slug__in=projects)
        for key in found.select_related("project"):
            self.put("key", (key.project.slug, key.prefix), key)

    def read_end_users(self, named: set[tuple[str, str]]) -> None:
        """Read the end users, each by project and name, that limits and budgets are for."""
        found = EndUser.objects.filter(
            project__slug__in={project for project, _ in named},
            external_id__in={name for _, name in named},
        )
        for user in found.select_related("project"):
            self.put("end_user", (user.project.slug, user.external_id), user)
