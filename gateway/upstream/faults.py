"""What a provider's refusal means, read from its status, headers and body."""

from types import ModuleType

from gateway.errors import UpstreamError, UpstreamUnreadable, classify
from gateway.resilience.cooldowns import wait_of
from gateway.types import UpstreamFault
from gateway.upstream.transport import UpstreamCall


def refused(call: UpstreamCall, body: bytes, adapter: ModuleType) -> UpstreamError:
    """Name the error of a call that was not answered with 200."""
    fault: UpstreamFault = adapter.error_code(body)
    if 300 <= call.status < 400:
        msg = "The provider answered with a redirect, which is not followed."
        return UpstreamUnreadable(msg, status=call.status)
    return classify(
        call.status,
        fault.code,
        fault.message,
        param=fault.param,
        retry_after_s=wait_of(call, fault.retry_after_s),
    )
