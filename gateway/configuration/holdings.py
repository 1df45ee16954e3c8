"""What kinds of rows projects have at all: most have few of them, and need not be asked for.

Asking takes one statement instead of one for each kind, which Django composes anew each time.
"""

from collections.abc import Collection
from typing import NamedTuple

from django.db import connection
from django.db.models import Model

from catalog.models import AIModel, Alias, Credential, Provider
from tenants.models import Budget, ContextScope, Limit, Project


class Holdings(NamedTuple):
    """Whether any of some projects has such rows, be they active or not."""

    limits: bool
    aliases: bool
    credentials: bool
    own_models: bool
    budgets: bool
    context_scopes: bool


def _any(model: type[Model], condition: str = "project_id = ANY(%(projects)s)") -> str:
    return f"EXISTS (SELECT FROM {model._meta.db_table} WHERE {condition})"


# Of an organization's budgets each project is told.
_OF_ORGANIZATIONS = (
    "organization_id = ANY(ARRAY(SELECT organization_id "  # noqa: S608
    f"FROM {Project._meta.db_table} WHERE id = ANY(%(projects)s)))"
)
_WHICH = f"""
    SELECT {_any(Limit)}, {_any(Alias)}, {_any(Credential)},
        {_any(AIModel)} OR {_any(Provider)},
        {_any(Budget)} OR {_any(Budget, _OF_ORGANIZATIONS)}, {_any(ContextScope)}
"""


def read_holdings(project_ids: Collection[int]) -> Holdings:
    with connection.cursor() as cursor:
        cursor.execute(_WHICH, {"projects": list(project_ids)})
        return Holdings(*cursor.fetchone())
