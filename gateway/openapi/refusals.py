"""How the operations refuse: statuses, codes and words."""

from drf_spectacular.utils import OpenApiExample, OpenApiResponse

from gateway.openapi.json_schemas import component

# Status, when it is answered, and the codes that the error object may then hold.
REFUSALS = {
    400: ("Not valid for the endpoint; `param` names the field.", "invalid_request"),
    401: ("The key is missing, unknown, expired or revoked.", "invalid_api_key"),
    402: (
        "The model has no price, or all cost more than the request allows.",
        "unpriced_model budget_exceeded",
    ),
    403: (
        "The key, or its project, may not do this.",
        "permission_denied model_not_allowed residency_violation approval_required",
    ),
    404: ("There is no such model or alias.", "model_not_found"),
    409: (
        "The `Idempotency-Key` is that of a request which is under way.",
        "idempotency_conflict",
    ),
    413: ("The body is too large.", "request_too_large"),
    422: (
        (
            "No model gave an answer in the form that was asked for, or the "
            "`Idempotency-Key` came with another request."
        ),
        "schema_validation_failed idempotency_key_reused",
    ),
    429: (
        "A limit is reached, here or at every provider that could answer.",
        "rate_limit_exceeded concurrency_limit_exceeded",
    ),
    500: ("A mistake in the gateway.", "internal_error"),
    502: (
        "No provider could answer; the message holds the last one's words.",
        (
            "upstream_error upstream_unreachable upstream_auth upstream_tls "
            "upstream_bad_response"
        ),
    ),
    503: (
        "Nobody can answer now, or this cannot be recorded or checked now.",
        "no_healthy_candidate overloaded draining",
    ),
    504: ("Every provider took too long.", "upstream_timeout"),
}

_MESSAGES = {
    400: "'messages' must be a list of at least one message.",
    401: "This project key is not valid: it is mistyped, expired or revoked. "
    "Ask an operator for a new one.",
    404: "There is no model or alias 'fats' for this project. "
    "GET /v1/models lists what it may use.",
    429: "The limit of 600 requests per minute is reached; "
    "wait as long as retry-after says.",
}
_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    404: "not_found_error",
    429: "rate_limit_error",
}


def refusals(*statuses: int) -> dict[int, OpenApiResponse]:
    """Return the error responses with these statuses, in OpenAI's shape."""
    return {status: _refusal(status) for status in statuses}


def _refusal(status: int) -> OpenApiResponse:
    when, text = REFUSALS[status]
    codes = text.split()
    examples = []
    if status in _MESSAGES:
        error = {
            "message": _MESSAGES[status],
            "type": _TYPES[status],
            "param": {400: "messages", 404: "model"}.get(status),
            "code": codes[0],
        }
        examples = [
            OpenApiExample(codes[0], {"error": error}, status_codes=[str(status)])
        ]
    listed = ", ".join(f"`{code}`" for code in codes)
    return OpenApiResponse(component("Error"), f"{when} Code: {listed}.", examples)
