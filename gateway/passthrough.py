"""Calls that a client makes in a provider's own words, at the provider's own paths.

Nothing is translated, and no other model is asked when the provider fails. The key is
exchanged for the provider's credential, and what the call uses is metered: read from the
answer where the protocol is known, by the piece otherwise. What becomes of it counts for
and against its target like any other attempt, and a target that is left alone is left
alone by these calls too.
"""

import time
import uuid
from dataclasses import dataclass

import msgspec

from gateway.admission import Grant, admit
from gateway.approvals import above_threshold
from gateway.attempts import Attempt
from gateway.budgets.purse import Hold, purse_for
from gateway.callers import note_caller
from gateway.candidates import Candidate, Candidates, candidates_for
from gateway.configuration.records import KeyRecord
from gateway.metering import Meter
from gateway.passed_paths import Found
from gateway.protocols import ADAPTERS
from gateway.refusals import PermissionRefused, Refusal
from gateway.resilience.last_words import refusal_for
from gateway.resilience.standing import Running
from gateway.resilience.turns import Turns
from gateway.serve import Gateway
from gateway.types import InferenceRequest, Outgoing, UpstreamReply, Variant
from gateway.upstream.errors import BudgetTooSmall, UpstreamError
from gateway.upstream.faults import classify, classify_hidden, refused
from gateway.upstream.passed_streams import PassedStream
from gateway.upstream.targets import Target, build_target
from gateway.upstream.transport import UpstreamCall
from usage.tokens import estimate_tokens

# What a client has to know of the provider's answer, besides its type.
_PASSED_ON = ("retry-after", "content-disposition", "request-id", "character-cost")
_STREAMED = frozenset({"text/event-stream", "application/vnd.amazon.eventstream"})


@dataclass(slots=True)
class Passed:
    """A provider's answer as it is: `stream` in place of `body` when it is one."""

    status: int
    content_type: bytes
    headers: dict[str, str]
    body: bytes = b""
    stream: PassedStream | None = None


@dataclass(slots=True)
class PassedOn:
    """What came of a call: the provider's answer, and what is told about it."""

    passed: Passed
    candidate: Candidate
    attempt: Attempt
    grant: Grant
    config_version: int
    upstream_s: float


async def pass_through(
    asked: InferenceRequest,
    found: Found,
    variant: Variant,
    key: KeyRecord,
    request_id: str,
    gateway: Gateway,
) -> PassedOn:
    """Send the request on as it is. Raises a `Refusal` when that may not, or cannot, be."""
    operation = found.endpoint.operation
    if key.scopes and operation not in key.scopes:
        msg = f"This key may not be used for {operation}."
        raise PermissionRefused(msg)
    snapshot = gateway.snapshot
    await note_caller(asked, key, snapshot)
    version = snapshot.version
    candidates = candidates_for(asked, key.project, snapshot.catalog, is_passed_on=True)
    estimate = estimate_tokens(asked.size)
    tokens = estimate + (asked.max_output_tokens or 0)
    candidate = _candidate(candidates, found, key, gateway, tokens)
    target = build_target(
        candidate.model, found.endpoint, candidate.credential, variant
    )
    grant = await admit(asked, key, request_id, estimate, gateway.limiter)
    meter = Meter(
        gateway.sink,
        asked,
        key,
        request_id,
        alias="",
        strategy="specified",
        config_version=version,
        routing=candidates.decision([candidate]),
        input_estimate=estimate,
    )
    attempt: Attempt | None = None
    running: Running | None = None
    hold: Hold | None = None
    approval: uuid.UUID | None = None
    try:
        if dear := above_threshold(asked, key.project, [candidate], estimate):
            _, approval = await gateway.approvals.pass_gate(
                asked, key, "", [candidate], dear
            )
        purse = purse_for(asked, key, candidates, gateway.escrow)
        if purse is not None:
            hold = await purse.hold(candidate, may_bound=False)
        attempt = meter.begin(candidate, 1, 0.0, hold=hold)
        began = time.monotonic()
        running = gateway.standings.begin(candidate, attempt, began, tokens)
        passed = await _send(asked, target, attempt, running, gateway)
    except BudgetTooSmall as error:
        grant.release(0)
        raise error.refusal from None
    except UpstreamError as error:
        # Only what is sent raises it.
        assert attempt is not None and running is not None  # noqa: S101, PT018
        attempt.settle_nothing(http_status=error.status, error_code=error.code)
        _note_failure(error, target, running, gateway)
        grant.release(0)
        await gateway.approvals.give_back(approval)
        raise Refusal(
            target.redacted(error.message),
            status=error.answered_as,
            code=error.code,
            headers={"x-should-retry": "false"},
        ) from error
    except BaseException as error:
        _leave(error, attempt, running)
        if hold is not None:
            hold.release()
        grant.release(estimate)
        raise
    upstream_s = time.monotonic() - began
    if passed.stream is None:
        grant.release(attempt.tokens.input + attempt.tokens.output)
    else:
        passed.stream.on_end(grant.release)
    return PassedOn(passed, candidate, attempt, grant, version, upstream_s)


def _leave(
    error: BaseException, attempt: Attempt | None, running: Running | None
) -> None:
    """Settle what the client, or a mistake of ours, has ended."""
    if attempt is not None:
        attempt.settle_abandoned(error)
    if running is not None:
        running.left()


def _candidate(
    candidates: Candidates,
    found: Found,
    key: KeyRecord,
    gateway: Gateway,
    tokens: int,
) -> Candidate:
    """Return who is asked, with a credential that is of use now.

    Raises a `Refusal` while the target is left alone.
    """
    named = msgspec.structs.replace(candidates.able[0], endpoint=found.endpoint)
    turns = Turns([named], key.project, gateway.standings, tokens)
    for candidate in turns:
        return candidate
    raise refusal_for([], [error for _, error in turns.left_out])


async def _send(
    asked: InferenceRequest,
    target: Target,
    attempt: Attempt,
    running: Running,
    gateway: Gateway,
) -> Passed:
    outgoing = Outgoing(asked.content, asked.content_type)
    call = await gateway.transport.send(
        target, outgoing, attempt.id, streamed=False, trace_head=attempt.trace_head
    )
    told = (call.header("Content-Type") or "application/octet-stream").encode()
    headers = {n: v for n in _PASSED_ON if (v := call.header(n)) is not None}
    passed = Passed(call.status, told, headers)
    if call.status == 200:
        running.standing.note_rooms(call, estimate_tokens(asked.size))
        if call.content_type in _STREAMED:
            passed.stream = PassedStream(call, target, attempt, running)
            return passed
    try:
        passed.body = await call.read()
    finally:
        call.close()
    error = _settle(passed, call, target, attempt)
    if error is None:
        running.went_well(time.monotonic())
    else:
        _note_failure(error, target, running, gateway)
    return passed


def _note_failure(
    error: UpstreamError, target: Target, running: Running, gateway: Gateway
) -> None:
    target.clean(error)
    gateway.standings.end_failed(running, error, target.model.provider.slug)


def _settle(
    passed: Passed, call: UpstreamCall, target: Target, attempt: Attempt
) -> UpstreamError | None:
    """Meter a whole answer; returns the error that it is, if it is one.

    What refuses the request is shown without our credential.
    """
    status = passed.status
    adapter = ADAPTERS[target.handler]
    if status >= 300:
        error = refused(call, passed.body, adapter)
        text = passed.body.decode("utf-8", "replace")
        passed.body = target.redacted(text).encode()
        attempt.settle_nothing(
            http_status=status, error_code=classify(status, "", "").code
        )
        return error
    try:
        reply = adapter.parse_response(passed.body)
    except adapter.Unreadable:
        reply = None
    if not isinstance(reply, UpstreamReply):
        # It is the client's to make sense of; what was asked may have been billed.
        attempt.settle("ok", attempt.seen_so_far(0), http_status=status)
        if reply is None:
            return None
        return classify_hidden(reply.code, reply.message, reply.status)
    attempt.settle_reply(reply, http_status=status)
    return None
