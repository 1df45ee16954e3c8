"""What can go wrong: two families that never mix.

UpstreamError                  a provider did not answer as hoped; caught in fallback
├── UpstreamUnreachable        refused, reset
│   └── AddressUnusable        no such host, or a private address
├── UpstreamTLSFailed          certificate or handshake
├── UpstreamTimedOut           connect, first byte, idle or total
│   └── DeadlineReached        the request's own time is over
├── UpstreamUnavailable        408, 424 and 5xx
├── UpstreamRateLimited        429
├── UpstreamAccountError       401, 403: our credential, not the client's
│   └── QuotaSpent             402 and spent quotas: likewise, for a long while
├── UpstreamModelMissing       404
├── UpstreamUnreadable         an answer that is none
├── SchemaViolated             an answer in another form than was asked for
├── BudgetTooSmall             a target that costs more than is left of a budget
├── NotAsked                   a target that nobody asked, for it would not answer now
└── RequestRefused             other 4xx: the client's request
    ├── ContextLengthExceeded
    ├── ContentRefused
    └── ParameterUnsupported
Refusal                        meant for the caller; rendered once, in its dialect
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from rest_framework.exceptions import APIException


class UpstreamError(Exception):
    """A provider did not answer as hoped.

    `try_next` says whether another target might do better with the same request,
    `is_outage` whether it counts against the target, `may_repeat` whether the same
    target might do better at once, and `must_wait` that it might after a while.
    `status` is what the provider answered, None when it answered nothing.
    """

    try_next: ClassVar[bool] = True
    is_outage: bool = True
    may_repeat: bool = False
    must_wait: ClassVar[bool] = False
    code: ClassVar[str] = "upstream_error"
    answered_as: ClassVar[int] = 502

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        upstream_code: str = "",
        param: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.upstream_code = upstream_code
        self.param = param
        self.retry_after_s = retry_after_s


class UpstreamUnreachable(UpstreamError):
    code = "upstream_unreachable"
    may_repeat = True


class AddressUnusable(UpstreamUnreachable):
    """Its name leads nowhere, or where outgoing calls may not go."""

    may_repeat = False


class UpstreamTLSFailed(UpstreamError):
    code = "upstream_tls"


class UpstreamTimedOut(UpstreamError):
    code = "upstream_timeout"
    answered_as = 504


class DeadlineReached(UpstreamTimedOut):
    """The time that the whole request has is over; nobody else can be asked."""

    try_next = False
    is_outage = False


class UpstreamUnavailable(UpstreamError):
    may_repeat = True


class UpstreamRateLimited(UpstreamError):
    is_outage = False
    may_repeat = True
    must_wait = True
    code = "rate_limit_exceeded"
    answered_as = 429


class UpstreamAccountError(UpstreamError):
    is_outage = False
    code = "upstream_auth"


class QuotaSpent(UpstreamAccountError):
    pass


class UpstreamModelMissing(UpstreamError):
    is_outage = False
    code = "model_not_found"
    answered_as = 404


class UpstreamUnreadable(UpstreamError):
    code = "upstream_bad_response"


class SchemaViolated(UpstreamError):
    """The answer is not in the form that was asked for; `answer` is its text."""

    is_outage = False
    code = "schema_validation_failed"
    answered_as = 422

    def __init__(self, message: str, *, answer: str) -> None:
        super().__init__(message, status=200)
        self.answer = answer


class NotAsked(UpstreamError):
    """A target that was left out: its breaker is open, or it has enough to do."""

    is_outage = False
    code = "no_healthy_candidate"
    answered_as = 503


class TargetFull(NotAsked):
    code = "overloaded"


class BudgetTooSmall(UpstreamError):
    """Nobody was asked: what is left of a budget does not pay for this target."""

    is_outage = False
    code = "budget_exceeded"
    answered_as = 402

    def __init__(self, refusal: "Refusal") -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


class RequestRefused(UpstreamError):
    """The provider refused what the client asked; its answer is passed on."""

    is_outage = False
    try_next = False
    code = "invalid_request"


class ContextLengthExceeded(RequestRefused):
    # A target with a larger window may still accept the request.
    try_next = True


class ContentRefused(RequestRefused):
    pass


class ParameterUnsupported(RequestRefused):
    """Nobody was asked: the protocol has no word for a parameter that must be said."""

    try_next = True


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


class Refusal(APIException):
    """A request that is not served, with what the caller should know and do."""

    status_code = 400
    default_code = "invalid_request"

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
        status: int | None = None,
        code: str | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message, code)
        # What the error says besides, in every dialect.
        self.extra = dict(extra or {})
        self.message = message
        self.code = code or self.default_code
        self.param = param
        self.headers = dict(headers or {})
        if status is not None:
            self.status_code = status


class InvalidRequest(Refusal):
    pass


class InvalidKey(Refusal):
    status_code = 401
    default_code = "invalid_api_key"


class PermissionRefused(Refusal):
    status_code = 403
    default_code = "permission_denied"


class ModelNotAllowed(Refusal):
    status_code = 403
    default_code = "model_not_allowed"


class ResidencyViolation(Refusal):
    status_code = 403
    default_code = "residency_violation"


class ApprovalRequired(Refusal):
    status_code = 403
    default_code = "approval_required"


class UnpricedModel(Refusal):
    status_code = 402
    default_code = "unpriced_model"


class CostBoundExceeded(Refusal):
    """Every model costs more than the request allows."""

    status_code = 402
    default_code = "budget_exceeded"


class BudgetExceeded(Refusal):
    """What is left of a budget does not pay for the request."""

    status_code = 402
    default_code = "budget_exceeded"

    def __init__(self, message: str) -> None:
        super().__init__(message, headers={"x-should-retry": "false"})


class UnknownModel(Refusal):
    status_code = 404
    default_code = "model_not_found"


class RouteNotFound(Refusal):
    status_code = 404
    default_code = "not_found"


class MethodRefused(Refusal):
    status_code = 405
    default_code = "method_not_allowed"


class IdempotencyConflict(Refusal):
    """Another request has the `Idempotency-Key`, or had it and cannot be told again."""

    status_code = 409
    default_code = "idempotency_conflict"


class IdempotencyKeyReused(Refusal):
    """The `Idempotency-Key` came with another request before."""

    status_code = 422
    default_code = "idempotency_key_reused"


class RequestTooLarge(Refusal):
    status_code = 413
    default_code = "request_too_large"


class LimitExceeded(Refusal):
    status_code = 429
    default_code = "rate_limit_exceeded"


class NoCandidate(Refusal):
    status_code = 503
    default_code = "no_healthy_candidate"


class Overloaded(Refusal):
    status_code = 503
    default_code = "overloaded"


class Draining(Refusal):
    """This process ends, and the time for what it was doing is over."""

    status_code = 503
    default_code = "draining"

    def __init__(self) -> None:
        msg = "This process of the gateway is being stopped; send the request again."
        super().__init__(msg, headers={"retry-after": "1"})


class Unforeseen(Refusal):
    """A mistake of ours, told without its details."""

    status_code = 500
    default_code = "internal_error"

    def __init__(self) -> None:
        super().__init__(
            "Something went wrong in the gateway; the request id helps to find it."
        )
