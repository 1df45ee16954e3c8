from tenants.models.api_key import ApiKey, ApiKeyUse
from tenants.models.approval import Approval
from tenants.models.budget import Budget
from tenants.models.configuration import ConfigChange
from tenants.models.context_entry import (
    ContextEntry,
    ContextView,
    EndUserKey,
    Erasure,
)
from tenants.models.context_scope import ContextScope
from tenants.models.data_key import DataKey
from tenants.models.end_user import EndUser
from tenants.models.limit import Limit, ShadowCount
from tenants.models.membership import Membership, Role
from tenants.models.operator_token import OperatorToken
from tenants.models.organization import Organization
from tenants.models.project import Project

__all__ = [
    "ApiKey",
    "ApiKeyUse",
    "Approval",
    "Budget",
    "ConfigChange",
    "ContextEntry",
    "ContextScope",
    "ContextView",
    "DataKey",
    "EndUser",
    "EndUserKey",
    "Erasure",
    "Limit",
    "Membership",
    "OperatorToken",
    "Organization",
    "Project",
    "Role",
    "ShadowCount",
]
