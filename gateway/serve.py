"""The story of a request."""

from dataclasses import dataclass, field
from functools import partial
from types import ModuleType

import msgspec

from gateway.admission import Grant, begin_admission
from gateway.approvals import Approvals, above_threshold
from gateway.attempts import Sink
from gateway.budgets.escrow import Escrow
from gateway.budgets.purse import purse_for
from gateway.cache.questions import AnswerCache
from gateway.cache.replay import replayed
from gateway.cache.rules import rule_for
from gateway.callers import note_caller
from gateway.candidates import Candidates, candidates_for
from gateway.captures.writer import Captures
from gateway.configuration.records import KeyRecord
from gateway.configuration.snapshot import Snapshot
from gateway.context.assembling import Contexts
from gateway.context.embedding import question_vector
from gateway.fallback import try_in_order
from gateway.idempotency.register import IdempotencyRegister
from gateway.limits.limiter import Limiter
from gateway.metering import Meter
from gateway.providers.health import ProviderHealth
from gateway.refusals import Refusal
from gateway.resilience.answers import Answer
from gateway.resilience.standings import Standings
from gateway.routing import log_route, plan_route
from gateway.selection.prompt_affinity import PromptAffinity
from gateway.telemetry.telling import Telemetry
from gateway.types import InferenceRequest
from gateway.upstream.transport import Transport


@dataclass(frozen=True, slots=True)
class Gateway:
    """What a process needs to answer requests."""

    snapshot: Snapshot
    limiter: Limiter
    sink: Sink
    transport: Transport
    cache: AnswerCache
    idempotency: IdempotencyRegister
    approvals: Approvals = field(default_factory=Approvals)
    captures: Captures = field(default_factory=Captures)
    contexts: Contexts = field(default_factory=Contexts)
    health: ProviderHealth = field(default_factory=ProviderHealth)
    standings: Standings = field(default_factory=Standings)
    affinity: PromptAffinity = field(default_factory=PromptAffinity)
    # How long a request may take until it is answered, or its answer has begun.
    deadline_s: float = 600.0
    # Without it no budget is kept.
    escrow: Escrow | None = None
    # Without it nobody is told of traces.
    telemetry: Telemetry | None = None


class Outcome(msgspec.Struct):
    """How a request was answered."""

    request_id: str
    answer: Answer
    grant: Grant
    candidates: Candidates
    config_version: int
    cache: str = "bypass"


async def serve(
    request: InferenceRequest,
    key: KeyRecord,
    request_id: str,
    dialect: ModuleType,
    gateway: Gateway,
) -> Outcome:
    """Answer one request on behalf of a project. Raises a `Refusal` when it cannot.

    This is the whole life of a request. Each step lives in the module it is named
    after, and no step calls another.
    """
    snapshot = gateway.snapshot
    await note_caller(request, key, snapshot)
    if request.context is not None:
        embed = partial(question_vector, request, key, dialect, gateway, serve)
        await gateway.contexts.prepare(request, key, embed)
    version = snapshot.version
    candidates = candidates_for(request, key.project, snapshot.catalog)
    purse = purse_for(request, key, candidates, gateway.escrow)
    if purse is not None:
        purse.sift(candidates)
    rule = rule_for(request, key.project)
    input_tokens = candidates.input_tokens
    admission = begin_admission(
        request,
        key,
        request_id,
        input_tokens + (request.max_output_tokens or 0),
        gateway.limiter,
        candidates.alias,
    )
    # What needs no leave is done while it is asked for.
    with admission:
        route = plan_route(candidates, request, gateway.affinity)
        log_route(request_id, candidates, route)
        question = gateway.cache.question(
            request, rule, key.project, candidates, dialect
        )
        meter = Meter(
            gateway.sink,
            request,
            key,
            request_id,
            alias=candidates.alias,
            strategy=candidates.strategy,
            config_version=version,
            routing=candidates.decision(route),
            input_estimate=input_tokens,
            cache="bypass" if question is None else "miss",
            purse=purse,
        )
    grant = await admission.grant()
    approval = None
    try:
        if question is not None and (known := await question.known()) is not None:
            answer = replayed(known, request, meter, dialect)
            grant.release(0)
            return Outcome(request_id, answer, grant, candidates, version, known.how)
        dear = above_threshold(request, key.project, route, input_tokens)
        if dear:
            route, approval = await gateway.approvals.pass_gate(
                request, key, candidates.alias, route, dear
            )
        answer = await try_in_order(
            route,
            request,
            candidates.defaults,
            meter,
            gateway.transport,
            dialect,
            gateway.standings,
            request.began + min(gateway.deadline_s, request.patience_s),
        )
    except BaseException as error:
        # Without a refusal the client has gone; what was sent may have been used.
        is_refused = isinstance(error, Refusal)
        grant.release(0 if is_refused else input_tokens)
        await gateway.approvals.give_back(approval if is_refused else None)
        if question is not None:
            question.end()
        raise
    gateway.affinity.note(request, candidates, answer.candidate)
    if answer.stream is None:
        grant.release(answer.attempt.tokens.input + answer.attempt.tokens.output)
        if question is not None:
            question.answered(answer)
    elif question is None:
        answer.stream.on_end(grant.release)
    else:
        answer.stream.on_end(question.when_streamed(answer, grant.release))
    return Outcome(request_id, answer, grant, candidates, version, meter.cache)
