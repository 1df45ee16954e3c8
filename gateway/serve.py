"""The story of a request."""

from dataclasses import dataclass, field
from types import ModuleType

from gateway.admission import Grant, admit
from gateway.candidates import Candidates, candidates_for
from gateway.errors import Refusal
from gateway.fallback import Answer, try_in_order
from gateway.limits import Limiter
from gateway.metering import Meter, Sink
from gateway.provider_health import ProviderHealth
from gateway.records import KeyRecord
from gateway.routing import plan_route
from gateway.snapshot import Snapshot
from gateway.transport import Transport
from gateway.types import InferenceRequest
from usage.tokens import estimate_tokens


@dataclass(frozen=True, slots=True)
class Gateway:
    """What a process needs to answer requests."""

    snapshot: Snapshot
    limiter: Limiter
    sink: Sink
    transport: Transport
    health: ProviderHealth = field(default_factory=ProviderHealth)


@dataclass(slots=True)
class Outcome:
    """How a request was answered."""

    request_id: str
    answer: Answer
    grant: Grant
    candidates: Candidates
    config_version: int


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
    version = snapshot.version
    candidates = candidates_for(request, key.project, snapshot.catalog)
    route = plan_route(candidates, request.preferences)
    input_tokens = estimate_tokens(request.size)
    grant = await admit(
        request,
        key,
        request_id,
        input_tokens + (request.max_output_tokens or 0),
        gateway.limiter,
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
    )
    try:
        answer = await try_in_order(
            route, request, candidates.defaults, meter, gateway.transport, dialect
        )
    except Refusal:
        grant.release(0)
        raise
    except BaseException:
        # The client has gone; what was sent may have been used.
        grant.release(input_tokens)
        raise
    if answer.stream is not None:
        answer.stream.on_end(grant.release)
    else:
        grant.release(answer.attempt.tokens.input + answer.attempt.tokens.output)
    return Outcome(request_id, answer, grant, candidates, version)
