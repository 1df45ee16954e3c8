from catalog.models.aimodel import AIModel
from catalog.models.alias import Alias, AliasTarget
from catalog.models.credential import Credential
from catalog.models.custom_endpoint import CustomEndpoint
from catalog.models.endpoint import Endpoint
from catalog.models.origin import CatalogOrigin
from catalog.models.price import Price
from catalog.models.provider import Provider
from catalog.models.provider_check import ProviderCheck

__all__ = [
    "AIModel",
    "Alias",
    "AliasTarget",
    "CatalogOrigin",
    "Credential",
    "CustomEndpoint",
    "Endpoint",
    "Price",
    "Provider",
    "ProviderCheck",
]
