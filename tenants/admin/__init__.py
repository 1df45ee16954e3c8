"""The operator's pages for tenants, and for the audit, users and schedules."""

from tenants.admin import (
    audit,
    budgets,
    limits,
    operator_tokens,
    organizations,
    system,
)

__all__ = [
    "audit",
    "budgets",
    "limits",
    "operator_tokens",
    "organizations",
    "system",
]
