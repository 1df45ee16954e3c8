"""Which rows a version is made of, and what going back to it may do to them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import pghistory.core
from django.apps import apps
from django.db import models


@dataclass(frozen=True, slots=True)
class Restored:
    """A kind of row that going back restores.

    `kept` are fields that stay as they are, for they came about by themselves. A row that
    has a secret is switched off, never deleted, and cannot be made again, for its secret
    is in no history; nor can its secret be presented elsewhere: `bound` stays.
    """

    label: str
    kept: frozenset[str] = frozenset()
    # Tells of a row of the history whether it had a secret, which is not there.
    had_secret: Callable[[Any], bool] | None = None
    bound: frozenset[str] = frozenset()
    # Other rows name it for ever, so it is switched off rather than deleted.
    is_lasting: bool = False

    @property
    def model(self) -> type[models.Model]:
        return apps.get_model(self.label)

    def has_secret(self, row: Any) -> bool:
        return self.had_secret is not None and row.sealed is not None


def _is_stored(credential: Any) -> bool:
    return not credential.env_name


def _is_no_email(channel: Any) -> bool:
    return bool(channel.kind != "email")


_NEVER = frozenset({"created_at"})

# What is referred to goes before what refers to it.
RESTORED: dict[str, Restored] = {
    kind.label: kind
    for kind in (
        Restored("tenants.organization", _NEVER),
        Restored("tenants.project", _NEVER | {"cache_purges"}, is_lasting=True),
        Restored("tenants.enduser", _NEVER),
        Restored("catalog.provider", _NEVER),
        Restored("catalog.aimodel"),
        Restored("catalog.endpoint"),
        Restored(
            "catalog.credential",
            _NEVER | {"seal_id", "last_four", "quarantined_at"},
            had_secret=_is_stored,
            bound=frozenset(
                {"provider_id", "project_id", "end_user_id", "env_name", "base_url"}
            ),
        ),
        Restored("catalog.alias"),
        Restored("catalog.aliastarget"),
        Restored("tenants.contextscope"),
        Restored("tenants.limit"),
        Restored("tenants.budget"),
        Restored(
            "usage.notificationchannel",
            _NEVER | {"seal_id"},
            had_secret=_is_no_email,
            bound=frozenset({"organization_id", "project_id", "kind", "address"}),
        ),
    )
}
# Shown when versions are compared, and never gone back on.
_SHOWN_ONLY = ("catalog.price", "tenants.apikey")

# What a row may take along when it is deleted: figures about the row and nothing else.
EXPENDABLE = frozenset(
    {"tenants.shadowcount", "usage.budgetwindow", "catalog.providercheck"}
)


@cache
def event_models() -> dict[str, type[models.Model]]:
    """Return the audit's tables by the label of the model they tell of."""
    found: dict[str, type[models.Model]] = {
        event.pgh_tracked_model._meta.label_lower: event  # type: ignore[attr-defined]
        for event in pghistory.core.event_models()
    }
    return {label: found[label] for label in (*RESTORED, *_SHOWN_ONLY)}
