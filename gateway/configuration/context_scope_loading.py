"""The scopes of projects out of the database."""

import logging
from collections.abc import Collection, Mapping

from tenants.context.scopes import BadKinds, ScopeRules
from tenants.models import ContextScope

logger = logging.getLogger(__name__)


def read_context_scopes(
    project_ids: Collection[int],
) -> Mapping[int, Mapping[str, ScopeRules]]:
    """Return the projects' own scopes by name; what cannot be applied is logged and left out."""
    found: dict[int, dict[str, ScopeRules]] = {}
    for row in ContextScope.objects.filter(project_id__in=project_ids).order_by():
        try:
            found.setdefault(row.project_id, {})[row.name] = row.rules
        except BadKinds as error:
            logger.warning(
                "context scope left out", extra={"scope": row.pk, "why": str(error)}
            )
    return found
