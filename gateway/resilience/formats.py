"""The format that an answer must have, and whether it has it."""

from types import ModuleType

from gateway.attempts import Attempt
from gateway.canonical import OutputFormat
from gateway.exchange import Exchange, canonical_of
from gateway.refusals import InvalidRequest
from gateway.structured_output import SchemaRefused, check_format, fault_of
from gateway.types import InferenceRequest, UpstreamReply
from gateway.upstream.errors import SchemaViolated


def format_of(request: InferenceRequest, dialect: ModuleType) -> OutputFormat | None:
    """Return what the answer must look like; None when that is open."""
    wants_json = getattr(dialect, "wants_json", None)
    if wants_json is None or not wants_json(request.body):
        return None
    wanted: OutputFormat = canonical_of(request, dialect).output_format
    return None if wanted.kind == "text" else wanted


def checked_format(
    request: InferenceRequest, dialect: ModuleType
) -> OutputFormat | None:
    """Return the same. Raises `InvalidRequest` for a schema that checks nothing."""
    wanted = format_of(request, dialect)
    if wanted is None:
        return None
    try:
        check_format(wanted)
    except SchemaRefused as error:
        raise InvalidRequest(str(error), param="response_format") from error
    return wanted


def check_reply(
    reply: UpstreamReply, exchange: Exchange, wanted: OutputFormat, attempt: Attempt
) -> None:
    """Raise `SchemaViolated` for an answer that is not as wanted; it is paid for."""
    try:
        found = fault_of(exchange.result(reply), wanted)
    except SchemaRefused as error:
        attempt.settle_reply(reply, "failed", error_code=InvalidRequest.default_code)
        raise InvalidRequest(str(error), param="response_format") from error
    if found is not None:
        answer, reason = found
        attempt.settle_reply(reply, "failed", error_code=SchemaViolated.code)
        raise SchemaViolated(reason, answer=answer)
