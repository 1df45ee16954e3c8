"""What the caller is told when no target answered."""

import math

from gateway.refusals import NoCandidate, Overloaded, Refusal
from gateway.upstream.errors import (
    BudgetTooSmall,
    DeadlineReached,
    ParameterUnsupported,
    RequestRefused,
    SchemaViolated,
    TargetFull,
    UpstreamError,
    UpstreamModelMissing,
    UpstreamRateLimited,
    UpstreamTimedOut,
)

_LONGEST_RETRY_AFTER_S = 60.0
_SHORTEST_RETRY_AFTER_S = 0.05


def refusal_for(asked: list[UpstreamError], left_out: list[UpstreamError]) -> Refusal:
    """Return the refusal for what those who were asked said, if anybody was.

    `left_out` are of targets that nobody asked, for they would not have answered now.
    """
    if not asked:
        return _nobody_asked(left_out)
    # What a provider said says more than that another one costs too much.
    errors = [e for e in asked if not isinstance(e, BudgetTooSmall)] or asked
    if isinstance(errors[-1], BudgetTooSmall):
        return errors[-1].refusal
    if _is_limited(errors):
        errors = [*errors, *filter(_is_limit, left_out)]
    errors = [e for e in errors if not isinstance(e, ParameterUnsupported)] or errors
    last = errors[-1]
    refused = next((e for e in errors if isinstance(e, RequestRefused)), None)
    if refused is not None:
        # The client's own doing: passed on with the provider's status and words.
        return Refusal(
            refused.message,
            status=refused.status or 400,
            code=refused.upstream_code or refused.code,
            param=refused.param,
            headers={"x-should-retry": "false"},
        )
    if violated := [e for e in errors if isinstance(e, SchemaViolated)]:
        return Refusal(
            "No model gave an answer that fits the schema; the last one was refused "
            f"because {violated[-1].message}",
            status=422,
            code=SchemaViolated.code,
            headers={"x-should-retry": "false"},
        )
    if _is_limited(errors):
        return _limited(errors)
    if all(isinstance(error, UpstreamModelMissing) for error in errors):
        return Refusal(
            f"The provider does not know the model: {last.message}",
            status=404,
            code=UpstreamModelMissing.code,
            param="model",
            headers={"x-should-retry": "false"},
        )
    kinds = {type(error) for error in errors}
    alike = len(kinds) == 1
    timed_out = isinstance(last, DeadlineReached) or (
        alike and isinstance(last, UpstreamTimedOut)
    )
    told = f" (HTTP {last.status})" if last.status else ""
    return Refusal(
        f"No provider could answer; the last one said{told}: {last.message}",
        status=504 if timed_out else 502,
        code=_code_of(last) if alike or timed_out else UpstreamError.code,
        headers={"x-should-retry": "false"},
    )


def _code_of(error: UpstreamError) -> str:
    code = error.code
    return code if code.startswith("upstream_") else UpstreamError.code


def _is_limit(error: UpstreamError) -> bool:
    return isinstance(error, UpstreamRateLimited)


def _is_limited(errors: list[UpstreamError]) -> bool:
    return all(map(_is_limit, errors))


def _limited(errors: list[UpstreamError]) -> Refusal:
    return Refusal(
        "Every model behind this name is rate limited by its provider; wait, then retry.",
        status=429,
        code=UpstreamRateLimited.code,
        headers=_wait(errors),
    )


def _nobody_asked(errors: list[UpstreamError]) -> Refusal:
    if _is_limited(errors):
        return _limited(errors)
    if any(isinstance(error, TargetFull) for error in errors):
        return Overloaded(
            "Every model behind this name has as many requests as it may; try again "
            "shortly.",
            headers=_wait(errors),
        )
    return NoCandidate(
        "Every model behind this name keeps failing, so nobody was asked; wait, then "
        "retry.",
        headers=_wait(errors),
    )


def _wait(errors: list[UpstreamError]) -> dict[str, str]:
    """Return the shortest of the waits, in whole seconds and in milliseconds."""
    waits = [error.retry_after_s for error in errors]
    wait = min((w for w in waits if w), default=1.0)
    wait = min(max(wait, _SHORTEST_RETRY_AFTER_S), _LONGEST_RETRY_AFTER_S)
    return {
        "retry-after": str(math.ceil(wait)),
        "retry-after-ms": str(math.ceil(wait * 1000)),
    }
