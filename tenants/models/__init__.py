from tenants.models.api_key import ApiKey
from tenants.models.configuration import ConfigChange
from tenants.models.data_key import DataKey
from tenants.models.limit import Limit
from tenants.models.organization import Organization
from tenants.models.project import Project

__all__ = [
    "ApiKey",
    "ConfigChange",
    "DataKey",
    "Limit",
    "Organization",
    "Project",
]
