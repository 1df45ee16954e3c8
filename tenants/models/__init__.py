from tenants.models.api_key import ApiKey
from tenants.models.budget import Budget
from tenants.models.configuration import ConfigChange
from tenants.models.data_key import DataKey
from tenants.models.limit import Limit
from tenants.models.operator_token import OperatorToken
from tenants.models.organization import Organization
from tenants.models.project import Project

__all__ = [
    "ApiKey",
    "Budget",
    "ConfigChange",
    "DataKey",
    "Limit",
    "OperatorToken",
    "Organization",
    "Project",
]
