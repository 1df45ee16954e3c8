"""What a rule has found, and within whose rows it looks."""

from dataclasses import dataclass, field
from typing import Any

from django.db.models import Q

from tenants.models import Organization, Project
from usage.models import AlertRule


@dataclass(frozen=True, slots=True)
class Finding:
    """What to tell of a subject, and whom: a project, an organization, or all of them.

    It is told once for each `window`; without one, once in the minutes that the rule says.
    """

    subject: str
    title: str
    text: str = ""
    link: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    window: str | None = None
    organization: Organization | None = None
    project: Project | None = None


def within(rule: AlertRule, *to_project: str) -> Q:
    """Return what the rows fulfil that the rule looks at.

    Each of `to_project` leads from a row to a project; what belongs to none is looked at
    by rules of the whole installation alone.
    """
    if rule.project_id is not None:
        named = ((path, rule.project_id) for path in to_project)
    elif rule.organization_id is not None:
        named = ((f"{path}__organization", rule.organization_id) for path in to_project)
    else:
        return Q()
    found = Q(pk__in=[])
    for path, key in named:
        found |= Q(**{path: key})
    return found


def columns_within(rule: AlertRule) -> dict[str, list[int]]:
    """Return the same for tables of usage, by their columns."""
    if rule.project_id is not None:
        return {"project_id": [rule.project_id]}
    if rule.organization_id is not None:
        return {"organization_id": [rule.organization_id]}
    return {}
