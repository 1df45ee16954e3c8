"""What a provider's error means, read from its status, headers and body."""

from types import ModuleType

from gateway.resilience.cooldowns import wait_of
from gateway.types import UpstreamFault
from gateway.upstream.errors import (
    ContentRefused,
    ContextLengthExceeded,
    QuotaSpent,
    RequestRefused,
    UpstreamAccountError,
    UpstreamError,
    UpstreamModelMissing,
    UpstreamRateLimited,
    UpstreamUnavailable,
    UpstreamUnreadable,
)
from gateway.upstream.transport import UpstreamCall

_CONTEXT_CODES = frozenset(
    {"context_length_exceeded", "exceed_context_size_error", "string_above_max_length"}
)
_CONTENT_CODES = frozenset(
    {
        "content_policy_violation",
        "content_filter",
        "contentFilter",
        "invalid_prompt",
        "ResponsibleAIPolicyViolation",
    }
)
# Not every provider says with 404 that it does not have a model.
_MISSING_CODES = frozenset({"model_not_found", "DeploymentNotFound"})
# Our credential is at fault, whatever status this is told with.
_ACCOUNT_CODES = frozenset({"invalid_api_key", "FAILED_PRECONDITION"})
_QUOTA_CODES = frozenset(
    {
        "insufficient_quota",
        "credit_balance_exhausted",
        "insufficient_user_quota",
    }
)


def classify(
    status: int,
    upstream_code: str,
    message: str,
    *,
    param: str | None = None,
    retry_after_s: float | None = None,
) -> UpstreamError:
    """Name a failed call: the status decides, the provider's own code refines."""
    kind: type[UpstreamError]
    if status == 402 or upstream_code in _QUOTA_CODES:
        kind = QuotaSpent
    elif status in {401, 403} or upstream_code in _ACCOUNT_CODES:
        kind = UpstreamAccountError
    elif status == 404 or (status == 400 and upstream_code in _MISSING_CODES):
        kind = UpstreamModelMissing
    elif status == 429:
        kind = UpstreamRateLimited
    elif status in {408, 424} or status >= 500 or status < 400:
        kind = UpstreamUnavailable
    elif upstream_code in _CONTEXT_CODES:
        kind = ContextLengthExceeded
    elif upstream_code in _CONTENT_CODES:
        kind = ContentRefused
    else:
        kind = RequestRefused
    return kind(
        message,
        status=status,
        upstream_code=upstream_code,
        param=param,
        retry_after_s=retry_after_s,
    )


def classify_hidden(
    upstream_code: str, message: str, told: int | None = None
) -> UpstreamError:
    """Name an error that came with status 200.

    It is the provider's fault, whatever it calls it, unless its code is a status or
    its body names one (`told`).
    """
    is_status = len(upstream_code) == 3 and upstream_code.isdecimal()
    status = told or (int(upstream_code) if is_status else 0)
    error = classify(status if 400 <= status < 600 else 502, upstream_code, message)
    # It may have done, and billed, the work.
    error.may_repeat = False
    return error


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
