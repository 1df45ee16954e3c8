"""Errors in Anthropic's words."""

from gateway.simulator.types import JSON, Failure, Headers

_TYPES = {
    "rate_limit": "rate_limit_error",
    "quota": "rate_limit_error",
    "server": "api_error",
    "gateway": "api_error",
    "overloaded": "overloaded_error",
    "auth": "authentication_error",
    "forbidden": "permission_error",
    "missing": "not_found_error",
    "not_found": "not_found_error",
}
_MESSAGES = {
    "rate_limit": "This request would exceed your organization's rate limit.",
    "quota": "You have reached your specified API usage limits.",
    "server": "Internal server error",
    "overloaded": "Overloaded",
    "auth": "invalid x-api-key",
    "forbidden": "Your API key does not have permission to use the specified resource.",
    "context": "prompt is too long: 9000 tokens > 8192 maximum",
    "policy": "Output blocked by content filtering policy",
    "bad_json": "The request body is not valid JSON",
}
_WORTH_RETRYING = frozenset({"rate_limit", "server", "gateway", "overloaded"})


def shape_of(failure: Failure, request_id: str) -> JSON:
    error: JSON = {
        "type": _TYPES.get(failure.kind, "invalid_request_error"),
        "message": _MESSAGES.get(failure.kind, failure.message),
    }
    if failure.kind == "quota":
        error["details"] = {"error_code": "enforced_spend_limit_reached"}
    return {"type": "error", "error": error, "request_id": request_id}


def headers_of(failure: Failure) -> Headers:
    again = b"true" if failure.kind in _WORTH_RETRYING else b"false"
    return [*failure.headers, (b"x-should-retry", again)]
