"""The operator's pages for tenants, and for the audit, users and schedules."""

from tenants.admin import (
    approvals,
    audit,
    budgets,
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
    "limits",
    "memberships",
    "operator_tokens",
    "organizations",
    "system",
]
