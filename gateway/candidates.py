"""Who could serve a request: the models behind the name it gives, and why some could not."""

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import msgspec

from catalog.protocols import WireProtocol, served_by
from gateway.adapters.openai_chat import must_bridge
from gateway.errors import (
    InvalidRequest,
    NoCandidate,
    Refusal,
    ResidencyViolation,
    UnknownModel,
    UnpricedModel,
)
from gateway.model_names import model_behind, models_named
from gateway.records import (
    AliasRecord,
    Catalog,
    CredentialRecord,
    EndpointRecord,
    ModelRecord,
    ProjectRecord,
)
from gateway.types import InferenceRequest
from usage.costs import PriceSheet

_MAX_DEPTH = 5
_RESPONSES = WireProtocol.OPENAI_RESPONSES.value
_NO_ENDPOINT = ("endpoint", "its provider has no endpoint for it")
_NOT_NOW = {"x-should-retry": "false"}


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


class Choice(msgspec.Struct, frozen=True):
    """What a model name stands for in a project."""

    alias: AliasRecord | None
    members: tuple[tuple[ModelRecord, int, int], ...]


@dataclass(slots=True)
class Candidates:
    """All models behind a request, those that can serve it first of all."""

    alias: str
    strategy: str
    defaults: Mapping[str, object]
    able: list[Candidate] = field(default_factory=list)
    dropped: list[Dropped] = field(default_factory=list)

    def decision(self, route: list[Candidate]) -> dict[str, object]:
        """Return the routing decision as the usage event keeps it."""
        decision: dict[str, object] = {"order": [c.model.name for c in route]}
        if self.dropped:
            decision["dropped"] = {drop.model: drop.code for drop in self.dropped}
        return decision


def candidates_for(
    request: InferenceRequest, project: ProjectRecord, catalog: Catalog
) -> Candidates:
    """Return the candidates of a request, in the order of the catalog.

    Raises a `Refusal` that names the reason when nobody can serve it.
    """
    name = request.model or project.default_alias
    if not name:
        msg = "Name a 'model', or give the project a default alias."
        raise InvalidRequest(msg, param="model")
    choice = choice_for(name, project, catalog)
    found = Candidates(
        alias=choice.alias.name if choice.alias else "",
        strategy=request.preferences.sort
        or request.preferences.strategy
        or (choice.alias.strategy if choice.alias else "priority"),
        defaults=choice.alias.defaults if choice.alias else {},
    )
    _sift(found, choice, request, project, 0)
    for turn, other in enumerate(request.models, start=1):
        if other != name:
            _sift(found, choice_for(other, project, catalog), request, project, turn)
    if not found.able:
        raise _nobody(name, request.operation, found.dropped)
    return found


def choice_for(name: str, project: ProjectRecord, catalog: Catalog) -> Choice:
    """Return what the name stands for: own alias, global alias, full or bare model id."""
    alias = project.aliases.get(name) or catalog.aliases.get(name)
    if alias is not None:
        return Choice(alias, tuple(_members(alias, project, catalog)))
    models = models_named(name, project, catalog)
    if len(models) == 1:
        return Choice(None, ((models[0], 1, 100),))
    if models:
        names = ", ".join(model.name for model in models)
        msg = f"Several providers serve {name!r}; say which: {names}."
        raise UnknownModel(msg, param="model")
    msg = (
        f"There is no model or alias {name!r} for this project. "
        "GET /v1/models lists what it may use."
    )
    raise UnknownModel(msg, param="model")


def _members(
    alias: AliasRecord, project: ProjectRecord, catalog: Catalog, depth: int = 0
) -> Iterator[tuple[ModelRecord, int, int]]:
    """Yield the models behind an alias with priority and weight; aliases are followed."""
    for target in alias.targets:
        if target.model_id is not None:
            model = model_behind(target.model_id, project, catalog)
            if model is not None:
                yield model, target.priority, target.weight
        elif target.via_id is not None and depth < _MAX_DEPTH:
            via = project.aliases_by_pk.get(target.via_id) or catalog.aliases_by_pk.get(
                target.via_id
            )
            if via is not None:
                # Behind another alias its own priorities only order its own models.
                for model, _, weight in _members(via, project, catalog, depth + 1):
                    yield model, target.priority, weight


def _sift(
    found: Candidates,
    choice: Choice,
    request: InferenceRequest,
    project: ProjectRecord,
    turn: int,
) -> None:
    now = time.time()
    for model, priority, weight in choice.members:
        endpoint = endpoint_for(model, request)
        reason = _unfit(model, endpoint, choice.alias, request, project)
        credential = credential_for(model, project)
        prices = model.sheet_at(now)
        if reason is not None or endpoint is None:
            found.dropped.append(Dropped(model.name, *(reason or _NO_ENDPOINT)))
        elif credential is None and model.provider.auth_kind != "none":
            found.dropped.append(
                Dropped(
                    model.name,
                    "not_configured",
                    f"{model.provider.slug} has no usable credential",
                )
            )
        elif prices is None and not project.allow_unpriced:
            found.dropped.append(
                Dropped(model.name, "unpriced_model", "it has no price")
            )
        else:
            found.able.append(
                Candidate(
                    model,
                    endpoint,
                    credential,
                    prices,
                    priority,
                    weight,
                    turn,
                )
            )


def endpoint_for(
    model: ModelRecord, request: InferenceRequest
) -> EndpointRecord | None:
    """Return where the model is asked; None when it does not serve the operation.

    One that speaks the client's dialect goes first, for nothing is lost in relaying.
    What a provider serves only as Responses is asked for there.
    """
    endpoints = [
        endpoint
        for operation in served_by(request.operation)
        if operation in model.operations
        for endpoint in model.provider.endpoints.get(operation, ())
    ]
    if len(endpoints) < 2:
        return endpoints[0] if endpoints else None
    bridge = next((e for e in endpoints if e.handler == _RESPONSES), None)
    if bridge is not None and must_bridge(
        model.model_id, has_tools="tools" in request.fields, effort=request.effort
    ):
        return bridge
    for endpoint in endpoints:
        if endpoint.handler == request.dialect:
            return endpoint
    return endpoints[0]


def _unfit(
    model: ModelRecord,
    endpoint: EndpointRecord | None,
    alias: AliasRecord | None,
    request: InferenceRequest,
    project: ProjectRecord,
) -> tuple[str, str] | None:
    """Return why the model itself cannot serve the request: a code and its words."""
    provider = model.provider
    wanted = request.preferences
    if endpoint is None:
        if model.operations.isdisjoint(served_by(request.operation)):
            return "operation", f"it does not serve {request.operation}"
        return "endpoint", f"{provider.slug} has no endpoint for {request.operation}"
    required = wanted.capabilities
    if alias is not None:
        required |= alias.required_capabilities
    if not required <= model.capabilities:
        missing = ", ".join(sorted(required - model.capabilities))
        return "capability", f"it lacks {missing}"
    if project.allowed_regions and provider.region not in project.allowed_regions:
        return "residency_violation", "the project's data may not go to its region"
    for region in (wanted.region, alias.region if alias else ""):
        if region and provider.region != region:
            return "region", f"it is not in {region}"
    if wanted.only and provider.slug not in wanted.only:
        return "only", "the request names other providers"
    if provider.slug in wanted.ignore:
        return "ignore", "the request ignores its provider"
    return None


def credential_for(
    model: ModelRecord, project: ProjectRecord
) -> CredentialRecord | None:
    """Return the project's own credential, else the platform's, else None."""
    own = project.credentials.get(model.provider.id)
    credentials = own or model.provider.credentials
    return credentials[0] if credentials else None


def _nobody(name: str, operation: str, dropped: Iterable[Dropped]) -> Refusal:
    reasons = list(dropped)
    words = "; ".join(f"{drop.model}: {drop.reason}" for drop in reasons)
    codes = {drop.code for drop in reasons}
    msg = f"No model behind {name!r} can serve this {operation} request"
    if not reasons:
        msg = f"{msg}: it stands for no active model."
        return NoCandidate(msg, param="model", headers=_NOT_NOW)
    msg = f"{msg}: {words}."
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
