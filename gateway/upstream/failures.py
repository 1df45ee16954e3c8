"""What goes wrong below HTTP, and who ran out of time: named as errors of a provider."""

import asyncio
import time

import aiohttp

from gateway.upstream.errors import (
    AddressUnusable,
    DeadlineReached,
    UpstreamError,
    UpstreamTimedOut,
    UpstreamTLSFailed,
    UpstreamUnreachable,
    UpstreamUnreadable,
)
from gateway.upstream.targets import Target
from tenants.addresses import AddressRefused


def overdue(
    message: str,
    target: Target,
    began: float,
    patience_ends: float,
    status: int | None = None,
) -> UpstreamTimedOut:
    """Name who ran out of time: the provider, or the request before it."""
    now = time.monotonic()
    if now < patience_ends:
        return UpstreamTimedOut(message, status=status)
    error = DeadlineReached("The time of the request was over.", status=status)
    # What a client would not wait for says little of a target, but for a long wait.
    error.is_outage = now - began > target.first_byte_s / 2
    return error


def broken_off(error: Exception) -> UpstreamError:
    upstream_error = named(error)
    # The work may be done, and billed.
    upstream_error.may_repeat = False
    return upstream_error


def named(error: Exception) -> UpstreamError:
    """Name what went wrong below HTTP. Messages hold no address and no header."""
    match error:
        case UpstreamError():
            return error
        case aiohttp.ClientSSLError():
            return UpstreamTLSFailed("The provider's certificate or handshake failed.")
        case AddressRefused():
            return AddressUnusable(str(error))
        case aiohttp.ClientConnectorError() if isinstance(
            error.__cause__, AddressRefused
        ):
            return AddressUnusable(str(error.__cause__))
        case aiohttp.ClientConnectorDNSError():
            return AddressUnusable(
                "The provider cannot be reached: its name is unknown."
            )
        case aiohttp.ConnectionTimeoutError():
            return UpstreamTimedOut("The provider did not accept a connection in time.")
        case TimeoutError() | asyncio.TimeoutError():
            return UpstreamTimedOut("The provider did not answer in time.")
        case aiohttp.ClientPayloadError():
            return UpstreamUnreadable("The answer was cut off.")
        case aiohttp.ClientResponseError() | ValueError():
            return UpstreamUnreadable("The provider does not speak HTTP properly.")
        case _:
            return UpstreamUnreachable("The provider cannot be reached.")
