"""Errors in Google's words."""

from gateway.simulator.types import JSON, Failure

_STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    504: "DEADLINE_EXCEEDED",
}
_MESSAGES = {
    "rate_limit": "You exceeded your current quota, please check your plan and "
    "billing details.",
    "quota": "You exceeded your current quota, please check your plan and billing "
    "details.",
    "server": "An internal error has occurred. Please retry.",
    "overloaded": "The model is overloaded. Please try again later.",
    "auth": "Request had invalid authentication credentials.",
    "invalid_key": "API key not valid. Please pass a valid API key.",
    "forbidden": "The caller does not have permission",
    "context": "The input token count (9000) exceeds the maximum number of tokens "
    "allowed (8192).",
    "bad_json": "Invalid JSON payload received. Unexpected token.",
}
_RPC = "type.googleapis.com/google.rpc"
_DAILY = "GenerateRequestsPerDayPerProjectPerModel-FreeTier"
_BY_MINUTE = "GenerateRequestsPerMinutePerProjectPerModel"


def shape_of(failure: Failure) -> JSON:
    error: JSON = {
        "code": failure.status,
        "message": _MESSAGES.get(failure.kind, failure.message),
        "status": _STATUSES.get(failure.status, "UNAVAILABLE"),
    }
    if details := _details(failure):
        error["details"] = details
    return {"error": error}


def _details(failure: Failure) -> list[JSON]:
    match failure.kind:
        case "invalid_key":
            reason = {"reason": "API_KEY_INVALID", "domain": "googleapis.com"}
            return [{"@type": f"{_RPC}.ErrorInfo", **reason}]
        case "quota":
            # A short delay is named here as well, though the day has to end first.
            return [_exhausted(_DAILY), _retry("17")]
        case "rate_limit":
            waits = [value.decode() for _, value in failure.headers]
            return [_exhausted(_BY_MINUTE), *map(_retry, waits)]
        case _:
            return []


def _exhausted(quota_id: str) -> JSON:
    metric = "generativelanguage.googleapis.com/generate_requests"
    violation = {"quotaMetric": metric, "quotaId": quota_id, "quotaValue": "50"}
    return {"@type": f"{_RPC}.QuotaFailure", "violations": [violation]}


def _retry(seconds: str) -> JSON:
    return {"@type": f"{_RPC}.RetryInfo", "retryDelay": f"{seconds}s"}
