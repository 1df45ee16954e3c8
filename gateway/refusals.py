"""What a caller is told when a request is not served; rendered once, in its dialect."""

from collections.abc import Mapping
from typing import Any

from rest_framework.exceptions import APIException


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
