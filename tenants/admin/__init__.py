"""The operator's pages for tenants, and for the audit, users and schedules."""

from tenants.admin import (
    approvals,
    audit,
    budgets,
    context,
    limits,
    memberships,
    operator_tokens,
    organizations,
    system,
)

__all__ = [
    "approvals",
    "audit",
    "budgets",
    "context",
    "limits",
    "memberships",
    "operator_tokens",
    "organizations",
    "system",
]
