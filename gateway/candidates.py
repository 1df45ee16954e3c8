"""Who could serve a request: the models behind the name it gives, and why some could not."""

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import msgspec

from gateway.configuration.records import (
    Catalog,
    CredentialRecord,
    EndpointRecord,
    EndUserRecord,
    ModelRecord,
    ProjectRecord,
)
from gateway.refusals import (
    CostBoundExceeded,
    InvalidRequest,
    NoCandidate,
    Refusal,
    ResidencyViolation,
    UnpricedModel,
)
from gateway.selection.choices import Choice, choice_for
from gateway.selection.estimates import input_estimate, read_input
from gateway.selection.filters import (
    Reason,
    credential_for,
    doubt_about,
    endpoint_for,
    no_endpoint,
    refused_by_price,
    refused_by_rule,
    unusable,
)
from gateway.selection.needs import NOTHING, needs_of
from gateway.types import InferenceRequest
from usage.costs import FREE, PriceSheet

logger = logging.getLogger(__name__)

_NOT_NOW = {"x-should-retry": "false"}
_NO_DEFAULTS: Mapping[str, object] = MappingProxyType({})
_ABOUT_MONEY = frozenset({"max_price", "max_cost"})


class Candidate(msgspec.Struct, frozen=True):
    """A model that could serve this request, before routing."""

    model: ModelRecord
    endpoint: EndpointRecord
    credential: CredentialRecord | None
    prices: PriceSheet | None
    priority: int
    weight: int
    # Which of the names that the request gave it stands behind: 0 is asked first.
    turn: int


@dataclass(frozen=True, slots=True)
class Dropped:
    """A model that could not serve this request, and why: a code and its words."""

    model: str
    code: str
    reason: str


class Candidates(msgspec.Struct):
    """All models behind a request, those that can serve it first of all.

    `needs` is what the request shows to need, `input_tokens` about how long it is.
    `is_sticky`: where lots are drawn, an end user draws the same one each time.
    `scores` are what a strategy went by, in the order of the route; `moved` is why
    another one goes first, if it does.
    """

    alias: str
    strategy: str
    defaults: Mapping[str, object]
    able: list[Candidate] = []
    dropped: list[Dropped] = []
    needs: frozenset[str] = NOTHING
    input_tokens: int = 0
    is_sticky: bool = False
    project_id: int = 0
    scores: Sequence[float | None] = ()
    moved: str = ""
    # Of those that are able, by their place, why they may not be after all.
    doubts: dict[int, Reason] = {}

    def decision(self, route: list[Candidate]) -> dict[str, object]:
        """Return the routing decision as the usage event keeps it."""
        decision: dict[str, object] = {"order": [c.model.name for c in route]}
        if self.scores:
            decision["scores"] = self.scores
        if self.moved:
            decision["first"] = self.moved
        if self.dropped:
            decision["dropped"] = {drop.model: drop.code for drop in self.dropped}
        return decision


def candidates_for(
    request: InferenceRequest,
    project: ProjectRecord,
    catalog: Catalog,
    *,
    is_passed_on: bool = False,
) -> Candidates:
    """Return the candidates of a request, in the order of the catalog.

    Raises a `Refusal` that names the reason when nobody can serve it. What a request
    that is passed on unread may need is for its provider to judge.
    """
    found = all_candidates_for(request, project, catalog, is_passed_on=is_passed_on)
    if not found.able:
        refusal = refusal_of(request, project, found)
        logger.info(
            "no candidate",
            extra={
                "project": project.slug,
                "name_asked": name_of(request, project),
                "operation": request.operation,
                "code": refusal.code,
                "dropped": {drop.model: drop.code for drop in found.dropped},
            },
        )
        raise refusal
    return found


def all_candidates_for(
    request: InferenceRequest,
    project: ProjectRecord,
    catalog: Catalog,
    *,
    is_passed_on: bool = False,
) -> Candidates:
    """Return the same, though there be none. Raises a `Refusal` for an unknown name."""
    name = name_of(request, project)
    if not name:
        msg = "Name a 'model', or give the project a default alias."
        raise InvalidRequest(msg, param="model")
    choice = choice_for(name, project, catalog)
    alias, wanted = choice.alias, request.preferences
    needs = NOTHING if is_passed_on else needs_of(request)
    found = Candidates(
        alias=alias.name if alias else "",
        strategy=wanted.sort
        or wanted.strategy
        or (alias.strategy if alias else "")
        or project.strategy
        or ("priority" if alias else "specified"),
        defaults=alias.defaults if alias else _NO_DEFAULTS,
        needs=needs,
        input_tokens=input_estimate(request, needs)
        if request.max_cost_usd is None
        else read_input(request),
        is_sticky=alias is not None and alias.sticky,
        project_id=project.id,
    )
    if request.context is not None:
        # It is cut to the window of whoever is asked, so only its price counts.
        found.input_tokens += request.context.tokens
    _sift(found, choice, request, project, 0)
    for turn, other in enumerate(request.models, start=1):
        if other != name:
            _sift(found, choice_for(other, project, catalog), request, project, turn)
    if found.doubts:
        _drop_the_doubtful(found)
    return found


def refusal_of(
    request: InferenceRequest, project: ProjectRecord, found: Candidates
) -> Refusal:
    """Return what the caller is told when nobody can serve the request."""
    return _nobody(name_of(request, project), request.operation, found.dropped)


def name_of(request: InferenceRequest, project: ProjectRecord) -> str:
    """Return the first name that the request is routed by; empty when there is none."""
    if request.model:
        return request.model
    user: EndUserRecord | None = request.end_user
    return (user.default_model if user is not None else "") or project.default_alias


def names_of(request: InferenceRequest, project: ProjectRecord) -> tuple[str, ...]:
    """Return every name by which the request is routed."""
    name = name_of(request, project)
    return (name, *request.models) if name else request.models


def _sift(
    found: Candidates,
    choice: Choice,
    request: InferenceRequest,
    project: ProjectRecord,
    turn: int,
) -> None:
    """Tell those who can serve a request from those who cannot."""
    alias, wanted = choice.alias, request.preferences
    has_rules = alias is not None or wanted.has_rules or project.allowed_regions
    has_bounds = request.max_cost_usd is not None or wanted.max_price is not None
    asked = request.size + (request.max_output_tokens or 0)
    now = time.time()
    read: int | None = None
    for model, priority, weight in choice.members:
        endpoint = endpoint_for(model, request)
        if endpoint is None:
            _drop(found, model, no_endpoint(model, request))
            continue
        credential = credential_for(model, project, request.end_user)
        is_own = credential is not None and credential.is_own
        # What an end user brings a credential for costs the project nothing.
        prices = FREE if is_own else model.sheet_at(now)
        reason: Reason | None = None
        if has_rules:
            reason = refused_by_rule(model, alias, request, project, credential)
        if reason is None:
            reason = unusable(model, credential, prices, project)
        if reason is None and has_bounds:
            reason = refused_by_price(model, prices, request, found.input_tokens)
        if reason is not None:
            _drop(found, model, reason)
            continue
        window = model.context_window
        # No token is shorter than a byte.
        if not found.needs <= model.capabilities or (
            window is not None and asked > window
        ):
            if read is None:
                read = read_input(request)
            doubt = doubt_about(model, found.needs, read, request.max_output_tokens)
            if doubt is not None:
                found.doubts[len(found.able)] = doubt
        found.able.append(
            Candidate(model, endpoint, credential, prices, priority, weight, turn)
        )


def _drop_the_doubtful(found: Candidates) -> None:
    """Drop those of whom it is not certain, if there are any others."""
    doubts = found.doubts
    if len(doubts) < len(found.able):
        for at, doubt in doubts.items():
            _drop(found, found.able[at].model, doubt)
        found.able = [c for at, c in enumerate(found.able) if at not in doubts]
        found.doubts = {}


def _drop(found: Candidates, model: ModelRecord, reason: Reason) -> None:
    found.dropped.append(Dropped(model.name, *reason))


def _nobody(name: str, operation: str, dropped: Iterable[Dropped]) -> Refusal:
    reasons = list(dropped)
    words = "; ".join(f"{drop.model}: {drop.reason}" for drop in reasons)
    codes = {drop.code for drop in reasons}
    msg = f"No model behind {name!r} can serve this {operation} request"
    if not reasons:
        msg = f"{msg}: it stands for no active model."
        return NoCandidate(msg, param="model", headers=_NOT_NOW)
    msg = f"{msg}: {words}."
    if not codes.isdisjoint(_ABOUT_MONEY):
        return CostBoundExceeded(
            f"{msg} Allow a higher price or cost.", param="model", headers=_NOT_NOW
        )
    if codes == {"unpriced_model"}:
        return UnpricedModel(
            f"{msg} Add a price, or let the project use unpriced models.",
            param="model",
            headers=_NOT_NOW,
        )
    if "residency_violation" in codes:
        return ResidencyViolation(msg, param="model")
    if codes <= {"operation", "endpoint"}:
        return InvalidRequest(msg, param="model")
    return NoCandidate(msg, param="model", headers=_NOT_NOW)
