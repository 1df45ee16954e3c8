"""The operator's pages for providers, models, prices, aliases and credentials."""

from catalog.admin import (
    aimodels,
    aliases,
    credentials,
    custom_endpoints,
    endpoints,
    prices,
    provider_checks,
    providers,
    tenants,
    versions,
)

__all__ = [
    "aimodels",
    "aliases",
    "credentials",
    "custom_endpoints",
    "endpoints",
    "prices",
    "provider_checks",
    "providers",
    "tenants",
    "versions",
]
