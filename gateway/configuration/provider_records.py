"""Providers as records, each with the endpoints that it is spoken to at."""

import logging
from collections.abc import Iterable

from catalog.models import Endpoint, Provider
from catalog.models.endpoint import handler_of
from gateway.configuration.alias_loading import Credentials
from gateway.configuration.records import EndpointRecord, ProviderRecord, Timeouts

logger = logging.getLogger(__name__)

EndpointsByOperation = dict[str, list[EndpointRecord]]


def provider_records(
    providers: Iterable[Provider],
    endpoints: Iterable[Endpoint],
    credentials: Credentials,
) -> dict[int, ProviderRecord]:
    """Return the records by id; `endpoints` come in the order in which they are tried."""
    rows = {provider.pk: provider for provider in providers}
    found: dict[int, EndpointsByOperation] = {pk: {} for pk in rows}
    for endpoint in endpoints:
        record = _endpoint(endpoint, rows[endpoint.provider_id])
        if record is not None:
            of_provider = found[endpoint.provider_id]
            of_provider.setdefault(record.operation, []).append(record)
    return {pk: _provider(row, found[pk], credentials) for pk, row in rows.items()}


def _endpoint(row: Endpoint, provider: Provider) -> EndpointRecord | None:
    handler = handler_of(row, provider.handler)
    if handler is None:
        logger.error(
            "endpoint without a protocol",
            extra={"endpoint": row.pk, "operation": row.operation},
        )
        return None
    return EndpointRecord(
        id=row.pk,
        operation=row.operation,
        pattern=row.pattern,
        handler=handler,
        priority=row.priority,
    )


def _provider(
    row: Provider, endpoints: EndpointsByOperation, credentials: Credentials
) -> ProviderRecord:
    auth_kind, _, auth_name = row.auth.partition(":")
    return ProviderRecord(
        id=row.pk,
        slug=row.slug,
        name=row.name,
        base_url=row.base_url.rstrip("/"),
        region=row.region,
        auth_kind=auth_kind,
        auth_name=auth_name,
        headers=tuple(row.headers.items()),
        drop_params=frozenset(row.drop_params),
        rename_params=row.rename_params,
        add_params=row.add_params,
        reports_cost=row.reports_cost,
        timeouts=Timeouts(
            connect_s=row.connect_timeout_s,
            first_byte_s=row.first_byte_timeout_s,
            idle_s=row.idle_timeout_s,
            total_s=row.total_timeout_s,
        ),
        allow_private_addresses=row.allow_private_addresses,
        endpoints={operation: tuple(found) for operation, found in endpoints.items()},
        credentials=credentials.get(row.pk, ()),
    )
