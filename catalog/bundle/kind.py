"""What every kind of row says about itself: how it is read, and how it is filled."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from django.db import models
from django.db.models import Q

from catalog.bundle.units import Key, Values

NO_LABELS: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Scope:
    """Which tenants' rows to read: those of these projects, or all when None.

    Of private providers and models, those with these names are read as well. Of what is
    for one end user, only that of these, whatever their project: it may have a million.
    """

    projects: frozenset[str] | None = None
    providers: frozenset[str] = frozenset()
    model_ids: frozenset[str] = frozenset()
    end_users: frozenset[str] = frozenset()

    def of_end_users(self) -> Q:
        """Return the condition on rows that may be for one end user."""
        if self.projects is None:
            return Q()
        return Q(end_user=None) | Q(end_user__external_id__in=self.end_users)

    def of(self, path: str) -> Q:
        """Return the condition on a path to a project's slug."""
        return Q() if self.projects is None else Q(**{f"{path}__in": self.projects})

    def of_global_and(self, path: str) -> Q:
        if self.projects is None:
            return Q()
        return self.of(path) | Q(**{f"{path.removesuffix('__slug')}__isnull": True})

    def of_providers(self, path: str = "") -> Q:
        """Return the condition on a path to a provider."""
        if self.projects is None:
            return Q()
        named = Q(**{f"{path}slug__in": self.providers})
        return self.of_global_and(f"{path}project__slug") | named

    def of_models(self, path: str = "") -> Q:
        """Return the condition on a path to a model."""
        if self.projects is None:
            return Q()
        own = self.of(f"{path}project__slug")
        shared = Q(**{f"{path}project__isnull": True})
        named = Q(**{f"{path}model_id__in": self.model_ids})
        return (shared | own | named) & self.of_providers(f"{path}provider__") | own


@dataclass(frozen=True, slots=True)
class Parent:
    """A row that another one belongs to: its kind, and where its key stands."""

    column: str
    kind: str
    key: Key


class Kind(ABC):
    """One kind of row. `columns` are the fields that file and table have alike."""

    name: ClassVar[str]
    model: ClassVar[type[models.Model]]
    columns: ClassVar[tuple[str, ...]] = ()
    labels: ClassVar[Mapping[str, str]] = NO_LABELS

    @abstractmethod
    def rows(self, scope: Scope) -> Iterable[Any]: ...

    @abstractmethod
    def key(self, row: Any) -> Key: ...

    @abstractmethod
    def new(self, key: Key) -> models.Model:
        """Return an unsaved row with the parts of the key that are plain values."""

    def parents(self, key: Key, values: Values) -> list[Parent]:
        return []

    def values(self, row: Any) -> Values:
        return {name: getattr(row, name) for name in self.columns}

    def fill(self, row: Any, values: Values) -> None:
        for name in self.columns:
            if name in values:
                setattr(row, name, values[name])
