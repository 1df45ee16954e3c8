"""Asking the targets of a route in turn until one answers."""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from types import ModuleType

from gateway.candidates import Candidate
from gateway.canonical import OutputFormat
from gateway.metering import Meter
from gateway.resilience.answers import Answer
from gateway.resilience.asking import Asking
from gateway.resilience.formats import checked_format
from gateway.resilience.last_words import refusal_for
from gateway.resilience.retries import MAX_RETRIES, pause_before
from gateway.resilience.standings import Standings
from gateway.resilience.turns import Turns
from gateway.types import InferenceRequest
from gateway.upstream.errors import ContentRefused, UpstreamError
from gateway.upstream.transport import Transport

logger = logging.getLogger(__name__)

Failure = tuple[Candidate, UpstreamError]


async def try_in_order(
    route: Sequence[Candidate],
    request: InferenceRequest,
    defaults: Mapping[str, object],
    meter: Meter,
    transport: Transport,
    dialect: ModuleType,
    standings: Standings,
    deadline: float,
) -> Answer:
    """Return the first answer. Raises a `Refusal` when no target gave one.

    `deadline` is on the monotonic clock; nobody is asked after it.
    """
    asking = Asking(request, defaults, meter, transport, dialect, standings, deadline)
    wanted = checked_format(request, dialect)
    turns = Turns(route, meter.key.project, standings, asking.tokens)
    failures: list[Failure] = []
    for candidate in turns:
        is_fallback = candidate is not route[0]
        if failures:
            _log_fallback(candidate, meter, failures[-1])
        asking.may_leave = turns.has_more
        try:
            if wanted is None:
                return await asking.ask(candidate, is_fallback=is_fallback)
            return await asking.ask_for(wanted, candidate, is_fallback=is_fallback)
        except UpstreamError as error:
            # With its traceback it would hold this frame, and that the failures.
            failures.append((candidate, error.with_traceback(None)))
            if not error.try_next and not _may_go_on(error, meter):
                break
            turns.failed(candidate, error)
    if len(failures) == 1:
        # Nobody else could be asked.
        asking.may_leave = False
        answer = await _once_more(
            asking,
            wanted,
            failures,
            standings,
            deadline,
            is_fallback=failures[0][0] is not route[0],
        )
        if answer is not None:
            return answer
    raise refusal_for(
        [error for _, error in failures], [error for _, error in turns.left_out]
    )


async def _once_more(
    asking: Asking,
    wanted: OutputFormat | None,
    failures: list[Failure],
    standings: Standings,
    deadline: float,
    *,
    is_fallback: bool,
) -> Answer | None:
    """Ask the only target again where it may do better; None when it does not.

    Its last error is then the one that counts.
    """
    candidate, error = failures[0]
    standing = standings.of(candidate)
    for retries in range(MAX_RETRIES):
        now = time.monotonic()
        pause_s = pause_before(error, retries)
        if (
            pause_s is None
            or now + pause_s >= deadline
            or standing.breaker.pause_left(now) > 0
            or not standing.budget.take(now)
        ):
            return None
        standing.totals.retries += 1
        await asyncio.sleep(pause_s)
        if standing.breaker.is_open:
            return None
        try:
            if wanted is None:
                return await asking.ask(
                    candidate, is_fallback=is_fallback, is_retry=True
                )
            return await asking.ask_for(
                wanted, candidate, is_fallback=is_fallback, is_retry=True
            )
        except UpstreamError as again:
            error = again.with_traceback(None)
            failures[0] = (candidate, error)
    return None


def _may_go_on(error: UpstreamError, meter: Meter) -> bool:
    """Say whether the project wants others asked what one refuses for its content."""
    project = meter.key.project
    return isinstance(error, ContentRefused) and project.fallback_on_content_policy


def _log_fallback(candidate: Candidate, meter: Meter, failure: Failure) -> None:
    failed, error = failure
    logger.info(
        "fallback",
        extra={
            "request_id": meter.request_id,
            "failed": failed.model.name,
            "reason": error.code,
            "status": error.status,
            "target": candidate.model.name,
        },
    )
