"""What can go wrong: two families that never mix.

UpstreamError                  a provider did not answer as hoped; caught in fallback
├── UpstreamUnreachable        refused, reset, no such host
├── UpstreamTLSFailed          certificate or handshake
├── UpstreamTimedOut           connect, first byte, idle or total
├── UpstreamUnavailable        408 and 5xx
├── UpstreamRateLimited        429
├── UpstreamAccountError       401, 402, 403 and quota: our credential, not the client's
├── UpstreamModelMissing       404
├── UpstreamUnreadable         an answer that is none
├── SchemaViolated             an answer in another form than was asked for
└── RequestRefused             other 4xx: the client's request
    ├── ContextLengthExceeded
    ├── ContentRefused
    └── ParameterUnsupported
Refusal                        meant for the caller; rendered once, in its dialect
"""

from collections.abc import Mapping
from typing import ClassVar

from rest_framework.exceptions import APIException


class UpstreamError(Exception):
    """A provider did not answer as hoped.

    `try_next` says whether another target might do better with the same request.
    `status` is what the provider answered, None when it answered nothing.
    """

    try_next: ClassVar[bool] = True
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


class UpstreamTLSFailed(UpstreamError):
    code = "upstream_tls"


class UpstreamTimedOut(UpstreamError):
    code = "upstream_timeout"
    answered_as = 504


class UpstreamUnavailable(UpstreamError):
    pass


class UpstreamRateLimited(UpstreamError):
    code = "rate_limit_exceeded"
    answered_as = 429


class UpstreamAccountError(UpstreamError):
    code = "upstream_auth"


class UpstreamModelMissing(UpstreamError):
    code = "model_not_found"
    answered_as = 404


class UpstreamUnreadable(UpstreamError):
    code = "upstream_bad_response"


class SchemaViolated(UpstreamError):
    """The answer is not in the form that was asked for; `answer` is its text."""

    code = "schema_validation_failed"
    answered_as = 422

    def __init__(self, message: str, *, answer: str) -> None:
        super().__init__(message, status=200)
        self.answer = answer


class RequestRefused(UpstreamError):
    """The provider refused what the client asked; its answer is passed on."""

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
    {"content_policy_violation", "content_filter", "invalid_prompt"}
)
# Our credential is at fault, whatever status this is told with.
_ACCOUNT_CODES = frozenset(
    {
        "insufficient_quota",
        "credit_balance_exhausted",
        "insufficient_user_quota",
        "invalid_api_key",
        "FAILED_PRECONDITION",
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
    if status in {401, 402, 403} or upstream_code in _ACCOUNT_CODES:
        kind = UpstreamAccountError
    elif status == 404:
        kind = UpstreamModelMissing
    elif status == 429:
        kind = UpstreamRateLimited
    elif status == 408 or status >= 500 or status < 400:
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
    return classify(status if 400 <= status < 600 else 502, upstream_code, message)


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
    ) -> None:
        super().__init__(message, code)
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


class UnpricedModel(Refusal):
    status_code = 402
    default_code = "unpriced_model"


class UnknownModel(Refusal):
    status_code = 404
    default_code = "model_not_found"


class RouteNotFound(Refusal):
    status_code = 404
    default_code = "not_found"


class MethodRefused(Refusal):
    status_code = 405
    default_code = "method_not_allowed"


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
