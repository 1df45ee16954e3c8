"""What can go wrong with a provider. None of it leaves `fallback` but as a refusal.

UpstreamError                  a provider did not answer as hoped
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
"""

from typing import ClassVar

from gateway.refusals import Refusal


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

    def __init__(self, refusal: Refusal) -> None:
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
